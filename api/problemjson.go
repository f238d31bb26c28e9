package api

import (
	"strconv"
	"time"
)

// appendProblem writes a Problem with the request's id as encoding/json would: in a rush nearly every answer is one.
func appendProblem(dst []byte, p *Problem, requestID []byte) []byte {
	if p.Detail == "" && p.head != "" {
		dst = append(dst, p.head...)
	} else {
		dst = appendProblemHead(dst, p)
	}
	if len(p.Seats) > 0 {
		dst = appendTexts(append(dst, `,"seats":`...), p.Seats)
	}
	if p.RetryAt != nil {
		dst = p.RetryAt.AppendFormat(append(dst, `,"retry_at":"`...), time.RFC3339Nano)
		dst = append(dst, '"')
	}
	if len(p.Errors) > 0 {
		dst = appendFieldErrors(append(dst, `,"errors":`...), p.Errors)
	}
	if len(requestID) > 0 {
		dst = append(append(dst, `,"request_id":"`...), requestID...) // our own: digits and dashes
		dst = append(dst, '"')
	}
	return append(dst, '}')
}

func appendProblemHead(dst []byte, p *Problem) []byte {
	dst = appendText(append(dst, `{"type":`...), p.Type)
	dst = appendText(append(dst, `,"title":`...), p.Title)
	dst = strconv.AppendInt(append(dst, `,"status":`...), int64(p.Status), 10)
	if p.Detail != "" {
		dst = appendText(append(dst, `,"detail":`...), p.Detail)
	}
	dst = appendText(append(dst, `,"code":`...), p.Code)
	return strconv.AppendBool(append(dst, `,"retryable":`...), p.Retryable)
}

func appendFieldErrors(dst []byte, errs []FieldError) []byte {
	for i, e := range errs {
		dst = append(dst, "[,"[min(i, 1)])
		dst = appendText(append(dst, `{"field":`...), e.Field)
		dst = appendText(append(dst, `,"want":`...), e.Want)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// appendTexts writes a list that is not empty.
func appendTexts(dst []byte, texts []string) []byte {
	for i, text := range texts {
		dst = appendText(append(dst, "[,"[min(i, 1)]), text)
	}
	return append(dst, ']')
}
