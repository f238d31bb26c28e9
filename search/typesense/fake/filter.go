package fake

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// maxComparisons is what a server takes in one filter unless it is told otherwise.
const maxComparisons = 100

type matcher func(*document) bool

// filterParser reads filter_by: comparisons, && before ||, parentheses.
type filterParser struct {
	c           *collection
	rest        string
	comparisons int
}

func (c *collection) parseFilter(text string) (matcher, error) {
	if strings.TrimSpace(text) == "" {
		return func(*document) bool { return true }, nil
	}
	p := &filterParser{c: c, rest: text}
	match, err := p.either()
	if err == nil && strings.TrimSpace(p.rest) != "" {
		err = fmt.Errorf("could not parse the filter query at %q", p.rest)
	}
	if err == nil && p.comparisons > maxComparisons {
		err = fmt.Errorf("a filter has at most %d operations, this one %d", maxComparisons, p.comparisons)
	}
	return match, err
}

func (p *filterParser) take(token string) bool {
	p.rest = strings.TrimLeft(p.rest, " ")
	rest, found := strings.CutPrefix(p.rest, token)
	if found {
		p.rest = rest
	}
	return found
}

func (p *filterParser) either() (matcher, error) {
	return p.joined("||", p.both, func(a, b bool) bool { return a || b })
}

func (p *filterParser) both() (matcher, error) {
	return p.joined("&&", p.single, func(a, b bool) bool { return a && b })
}

func (p *filterParser) joined(operator string, part func() (matcher, error), join func(a, b bool) bool) (matcher, error) {
	left, err := part()
	for err == nil && p.take(operator) {
		var right matcher
		before := left
		if right, err = part(); err == nil {
			left = func(d *document) bool { return join(before(d), right(d)) }
		}
	}
	return left, err
}

func (p *filterParser) single() (matcher, error) {
	if p.take("(") {
		match, err := p.either()
		if err == nil && !p.take(")") {
			err = fmt.Errorf("no closing parenthesis at %q", p.rest)
		}
		return match, err
	}
	name, _, found := strings.Cut(strings.TrimLeft(p.rest, " "), ":")
	f, known := p.c.fields[name]
	if name == "id" {
		f, known = fieldSchema{Name: "id", Type: "string"}, true
	}
	if !found || !known || f.Index != nil && !*f.Index {
		return nil, fmt.Errorf("could not find a filter field named `%s` in the schema", name)
	}
	p.take(name)
	p.take(":")
	p.comparisons++
	return p.comparison(f)
}

func (p *filterParser) comparison(f fieldSchema) (matcher, error) {
	if p.take("[") {
		return p.oneOf(f)
	}
	for _, operator := range []string{">=", "<=", ">", "<", "="} {
		if p.take(operator) {
			value, err := p.value("")
			if err != nil {
				return nil, err
			}
			return compare(f, operator, value)
		}
	}
	return nil, fmt.Errorf("an operator that is not known here at %q", p.rest)
}

func (p *filterParser) oneOf(f fieldSchema) (matcher, error) {
	var all []matcher
	for {
		value, err := p.value(",]")
		if err != nil {
			return nil, err
		}
		match, err := compare(f, "=", value)
		if err != nil {
			return nil, err
		}
		all = append(all, match)
		if p.take("]") {
			break
		}
		if !p.take(",") {
			return nil, fmt.Errorf("a list that does not end at %q", p.rest)
		}
	}
	return func(d *document) bool {
		for _, match := range all {
			if match(d) {
				return true
			}
		}
		return false
	}, nil
}

// value is a text between backticks, or one that nothing else can begin in.
func (p *filterParser) value(ends string) (string, error) {
	if p.take("`") {
		value, rest, found := strings.Cut(p.rest, "`")
		if !found {
			return "", fmt.Errorf("no closing backtick at %q", p.rest)
		}
		p.rest = rest
		return value, nil
	}
	end := strings.IndexAny(p.rest, " )&|"+ends)
	if end < 0 {
		end = len(p.rest)
	}
	value := p.rest[:end]
	p.rest = p.rest[end:]
	if value == "" {
		return "", fmt.Errorf("a value is missing at %q", p.rest)
	}
	return value, nil
}

func compare(f fieldSchema, operator, value string) (matcher, error) {
	if strings.HasPrefix(f.Type, "string") {
		if operator != "=" {
			return nil, fmt.Errorf("`%s` is a text and cannot be %s", f.Name, operator)
		}
		return func(d *document) bool {
			return d.any(f.Name, func(v any) bool { text, ok := v.(string); return ok && strings.EqualFold(text, value) })
		}, nil
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("`%s` is not a number: %q", f.Name, value)
	}
	return func(d *document) bool {
		return d.any(f.Name, func(v any) bool { return holds(number(v), operator, n) })
	}, nil
}

func holds(a int64, operator string, b int64) bool {
	switch operator {
	case ">=":
		return a >= b
	case "<=":
		return a <= b
	case ">":
		return a > b
	case "<":
		return a < b
	}
	return a == b
}

func number(v any) int64 {
	n, ok := v.(json.Number)
	if !ok {
		return 0
	}
	i, _ := n.Int64() // it fitted when it came
	return i
}

// any asks for each value of a field.
func (d *document) any(name string, is func(any) bool) bool {
	if list, isList := d.values[name].([]any); isList {
		for _, v := range list {
			if is(v) {
				return true
			}
		}
		return false
	}
	value, found := d.values[name]
	return found && is(value)
}
