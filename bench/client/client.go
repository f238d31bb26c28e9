// Package client speaks Ticket Blue's HTTP interface with as little work per request as possible, so that a load
// run measures the server and not the generator. Typed is for all that is not measured.
package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	api "ticketblue/api/client"
)

// maxAnswer bounds a response body, in bytes: the largest is the plan of a hall of 100,000 seats.
const maxAnswer = 64 << 20

const typedIdle = 8 // connections that Typed keeps between requests

// Client sends requests over a bounded number of keep-alive connections. It never repeats a request by itself.
type Client struct {
	host    *fasthttp.HostClient
	base    string
	timeout time.Duration
	typed   *http.Client // of Typed
}

// New makes a client of an http:// address. timeout bounds every request, the wait for a connection included.
func New(base string, connections int, timeout time.Duration) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("%q is not an address like http://127.0.0.1:8080", base)
	}
	addr := u.Host
	if u.Port() == "" {
		addr += ":80"
	}
	return &Client{
		base: "http://" + u.Host, timeout: timeout, typed: &http.Client{Timeout: timeout, Transport: &http.Transport{MaxIdleConnsPerHost: typedIdle}},
		host: &fasthttp.HostClient{
			Addr: addr, MaxConns: connections, MaxConnWaitTimeout: timeout,
			ReadTimeout: timeout, WriteTimeout: timeout, MaxResponseBodySize: maxAnswer,
			MaxIdemponentCallAttempts: 1,
			NoDefaultUserAgentHeader:  true, DisablePathNormalizing: true,
		},
	}, nil
}

// Close gives up idle connections.
func (c *Client) Close() {
	c.host.CloseIdleConnections()
	c.typed.CloseIdleConnections()
}

// Typed is the client generated from the OpenAPI document, for what is made before a run: a request that is wrong does
// not compile, and what it costs is not measured. An empty token is nobody's.
func (c *Client) Typed(token string) (*api.ClientWithResponses, error) {
	return api.NewClientWithResponses(c.base, api.WithHTTPClient(c.typed), api.WithToken(token))
}

// Request is one call. All but Method and Path may be empty.
type Request struct {
	Method string
	Path   string
	Token  string // of the caller
	Key    string // Idempotency-Key
	ETag   string // If-None-Match
	After  string // TB-Position
	Gzip   bool   // the answer may be compressed; it is not unpacked
	Body   []byte // JSON
}

// Answer is what came back.
type Answer struct {
	Status     int
	Body       []byte
	RetryAfter time.Duration // 0 when the server named none
	ETag       string
}

// Do sends one request. An error means that there was no answer; what the request did is then unknown.
func (c *Client) Do(r Request) (Answer, error) {
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.Header.SetMethod(r.Method)
	req.SetRequestURI(c.base + r.Path)
	if r.Token != "" {
		req.Header.Set("Authorization", "Bearer "+r.Token)
	}
	if r.Key != "" {
		req.Header.Set("Idempotency-Key", r.Key)
	}
	if r.ETag != "" {
		req.Header.Set("If-None-Match", r.ETag)
	}
	if r.After != "" {
		req.Header.Set("TB-Position", r.After)
	}
	if r.Gzip {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	if r.Body != nil {
		req.Header.SetContentType("application/json")
		req.SetBodyRaw(r.Body)
	}
	if err := c.host.DoTimeout(req, resp, c.timeout); err != nil {
		return Answer{}, fmt.Errorf("%s %s: %w", r.Method, r.Path, err)
	}
	a := Answer{Status: resp.StatusCode(), Body: bytes.Clone(resp.Body()), ETag: string(resp.Header.Peek("ETag"))}
	if seconds, err := strconv.Atoi(string(resp.Header.Peek("Retry-After"))); err == nil && seconds > 0 {
		a.RetryAfter = time.Duration(seconds) * time.Second
	}
	return a, nil
}

// Again tells whether the answer asks to be asked again: busy, unavailable, or over the caller's share.
func (a Answer) Again() bool {
	return a.Status == fasthttp.StatusServiceUnavailable || a.Status == fasthttp.StatusTooManyRequests
}

// Code is the stable code of a problem document, or "http_<status>" when the answer is none.
func (a Answer) Code() string {
	var problem struct {
		Code string `json:"code"`
	}
	if err := json.Unmarshal(a.Body, &problem); err != nil || problem.Code == "" {
		return "http_" + strconv.Itoa(a.Status)
	}
	return problem.Code
}

// QuickCode is Code without reading the whole document: refusals are most of a rush. It falls back to Code.
func (a Answer) QuickCode() string {
	const mark = `"code":"`
	if at := bytes.Index(a.Body, []byte(mark)); at >= 0 {
		rest := a.Body[at+len(mark):]
		if end := bytes.IndexByte(rest, '"'); end > 0 {
			return string(rest[:end])
		}
	}
	return a.Code()
}

// Call sends a request with in as its JSON body (nil: none) and reads the answer into out (nil: ignored). Any
// status but want is an error.
func (c *Client) Call(r Request, in any, want int, out any) error {
	if in != nil {
		body, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s %s: %w", r.Method, r.Path, err)
		}
		r.Body = body
	}
	a, err := c.Do(r)
	if err != nil {
		return err
	}
	if a.Status != want {
		return fmt.Errorf("%s %s: status %d, want %d: %.300s", r.Method, r.Path, a.Status, want, a.Body)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(a.Body, out); err != nil {
		return fmt.Errorf("%s %s: reading the answer: %w", r.Method, r.Path, err)
	}
	return nil
}
