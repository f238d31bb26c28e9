package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep a body may nest; ours need four.
const maxDepth = 16

var errNotStrict = errors.New("not strict JSON")

// checkStrict accepts one JSON value in UTF-8 whose objects name no field twice: two readers of the same body must
// not come to different opinions about it.
func checkStrict(body []byte) error {
	if !utf8.Valid(body) {
		return fmt.Errorf("%w: not UTF-8", errNotStrict)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var open []map[string]bool // per nesting: the fields seen, nil in an array
	expectKey := false
	for tokens := 0; ; tokens++ {
		token, err := dec.Token()
		switch {
		case errors.Is(err, io.EOF) && len(open) == 0 && tokens > 0:
			return nil
		case err != nil:
			return fmt.Errorf("%w: %w", errNotStrict, err)
		case len(open) == 0 && tokens > 0:
			return fmt.Errorf("%w: more than one value", errNotStrict)
		}
		if delim, isDelim := token.(json.Delim); isDelim {
			switch delim {
			case '{':
				open = append(open, map[string]bool{})
			case '[':
				open = append(open, nil)
			default:
				open = open[:len(open)-1]
			}
			if len(open) > maxDepth {
				return fmt.Errorf("%w: deeper than %d", errNotStrict, maxDepth)
			}
		} else if expectKey {
			key := token.(string)
			if open[len(open)-1][key] {
				return fmt.Errorf("%w: a field twice", errNotStrict)
			}
			open[len(open)-1][key] = true
			expectKey = false
			continue
		}
		expectKey = len(open) > 0 && open[len(open)-1] != nil
	}
}

// unmarshalStrict is what huma reads bodies with.
func unmarshalStrict(body []byte, v any) error {
	if err := checkStrict(body); err != nil {
		return err
	}
	err := json.Unmarshal(body, v)
	if wrong, is := errors.AsType[*json.UnmarshalTypeError](err); is {
		if _, untyped := v.(*any); untyped { // 1e400 is proper JSON, and no float64: whoever checks the field says so
			dec := json.NewDecoder(bytes.NewReader(body))
			dec.UseNumber()
			return dec.Decode(v)
		}
		place, _ := placeOf(json.NewDecoder(bytes.NewReader(body)), wrong.Offset)
		return errors.New(wrongTypeOf + strings.TrimPrefix(place, ".")) // without the value
	}
	return err
}

// placeOf names the value that ends at an offset, as huma does, such as .prices.VIP and .sections[0].name: what the decoder
// says of it leaves out places and the names that callers have chosen.
func placeOf(dec *json.Decoder, end int64) (place string, found bool) {
	token, err := dec.Token()
	if err != nil || dec.InputOffset() >= end {
		return "", err == nil
	}
	delim, nested := token.(json.Delim)
	if !nested {
		return "", false
	}
	for i := 0; dec.More(); i++ {
		step := fmt.Sprintf("[%d]", i)
		if delim == '{' {
			if token, err = dec.Token(); err != nil {
				return "", false
			}
			step = fmt.Sprintf(".%s", token)
		}
		if place, found = placeOf(dec, end); found {
			return step + place, true
		}
	}
	_, err = dec.Token() // its end
	return "", err == nil && dec.InputOffset() >= end
}

// wrongTypeOf begins what unmarshalStrict says of a field that its schema lets through and its type cannot hold: a number
// with a point or an exponent is an integer to the one and not to the other. huma keeps nothing of an error but its text.
const wrongTypeOf = "wrong type of "
