package split

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Stack is how much CPU time was seen under one chain of calls.
type Stack struct {
	Frames  []string // names of functions, the innermost first
	Seconds float64
}

// A CPU profile is a gzipped protobuf message of which this is all that is needed. Numbers are those of profile.proto.
const (
	profileSample, profileLocation, profileFunction, profileString = 2, 4, 5, 6
	sampleLocations, sampleValues                                  = 1, 2
	locationID, locationLine, lineFunction                         = 1, 4, 1
	functionID, functionName                                       = 1, 2
	maxProfile                                                     = 256 << 20
)

var errTorn = errors.New("the profile ends in the middle of a field")

// Read reads a CPU profile as net/http/pprof writes it.
func Read(profile []byte) ([]Stack, error) {
	unzip, err := gzip.NewReader(bytes.NewReader(profile))
	if err != nil {
		return nil, fmt.Errorf("reading a profile: %w", err)
	}
	message, err := io.ReadAll(io.LimitReader(unzip, maxProfile))
	if err != nil {
		return nil, fmt.Errorf("reading a profile: %w", err)
	}
	p := parsed{locations: map[uint64][]uint64{}, functions: map[uint64]uint64{}}
	if err := each(message, p.field); err != nil {
		return nil, fmt.Errorf("reading a profile: %w", err)
	}
	return p.stacks(), nil
}

// parsed is a profile before its numbers are replaced by names.
type parsed struct {
	samples   []sample
	locations map[uint64][]uint64 // functions, the innermost first: what is inlined shares its caller's location
	functions map[uint64]uint64   // where the name stands in strings
	strings   []string
}

type sample struct{ locations, values []uint64 }

func (p *parsed) field(number int, value uint64, body []byte) error {
	switch number {
	case profileSample:
		var s sample
		err := each(body, func(number int, value uint64, body []byte) error {
			switch number {
			case sampleLocations:
				return appendAll(&s.locations, value, body)
			case sampleValues:
				return appendAll(&s.values, value, body)
			}
			return nil
		})
		p.samples = append(p.samples, s)
		return err
	case profileLocation:
		return p.location(body)
	case profileFunction:
		var id, name uint64
		err := each(body, func(number int, value uint64, _ []byte) error {
			switch number {
			case functionID:
				id = value
			case functionName:
				name = value
			}
			return nil
		})
		p.functions[id] = name
		return err
	case profileString:
		p.strings = append(p.strings, string(body))
	}
	return nil
}

func (p *parsed) location(body []byte) error {
	var id uint64
	var functions []uint64
	err := each(body, func(number int, value uint64, body []byte) error {
		switch number {
		case locationID:
			id = value
		case locationLine:
			return each(body, func(number int, value uint64, _ []byte) error {
				if number == lineFunction {
					functions = append(functions, value)
				}
				return nil
			})
		}
		return nil
	})
	p.locations[id] = functions
	return err
}

// stacks puts names in. The last of a sample's values is its CPU time in nanoseconds.
func (p *parsed) stacks() []Stack {
	stacks := make([]Stack, 0, len(p.samples))
	for _, s := range p.samples {
		var stack Stack
		for _, location := range s.locations {
			for _, function := range p.locations[location] {
				if at := p.functions[function]; at < uint64(len(p.strings)) {
					stack.Frames = append(stack.Frames, p.strings[at])
				}
			}
		}
		if n := len(s.values); n > 0 {
			stack.Seconds = float64(s.values[n-1]) / 1e9
		}
		stacks = append(stacks, stack)
	}
	return stacks
}

// each calls do with every field of a protobuf message: its number, and its value or, of a field with a length, its body.
func each(message []byte, do func(number int, value uint64, body []byte) error) error {
	const varint, fixed64, length, fixed32 = 0, 1, 2, 5
	for len(message) > 0 {
		tag, n := binary.Uvarint(message)
		if n <= 0 {
			return errTorn
		}
		message = message[n:]
		var value uint64
		var size int // of what follows the tag, and the value if that is a length
		switch tag & 7 {
		case varint, length:
			if value, n = binary.Uvarint(message); n <= 0 {
				return errTorn
			}
			message = message[n:]
			if tag&7 == length {
				if value > uint64(len(message)) {
					return errTorn
				}
				size = int(value)
			}
		case fixed64:
			size = 8
		case fixed32:
			size = 4
		default:
			return fmt.Errorf("a field of wire type %d", tag&7)
		}
		if size > len(message) {
			return errTorn
		}
		if err := do(int(tag>>3), value, message[:size]); err != nil {
			return err
		}
		message = message[size:]
	}
	return nil
}

// appendAll takes in one number, or a body with many of them.
func appendAll(list *[]uint64, value uint64, body []byte) error {
	if len(body) == 0 {
		*list = append(*list, value)
		return nil
	}
	for len(body) > 0 {
		v, n := binary.Uvarint(body)
		if n <= 0 {
			return errTorn
		}
		*list, body = append(*list, v), body[n:]
	}
	return nil
}
