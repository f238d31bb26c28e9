package payments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ticketblue/ticketing"
)

// Limits of a call of Toss.
const (
	CallLimit    = 20 * time.Second // one call, from the first byte to the last
	connectLimit = 3 * time.Second
	maxAnswer    = 64 << 10 // bytes of an answer about a payment, which is some three thousand
	maxIdle      = 16       // connections kept for the next calls
	idleLimit    = time.Minute
)

// TossURL is where the real one is.
const TossURL = "https://api.tosspayments.com"

// Secret is a key that must not be seen: however it is printed, it is not.
type Secret string

const hidden = "(secret)"

// Format writes the same whatever the verb.
func (Secret) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hidden) } // fmt's own buffer takes everything

// LogValue is what log/slog shows.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// TossOptions of NewToss.
type TossOptions struct {
	URL       string // default TossURL; without TLS only to this machine, or through Transport
	SecretKey Secret
	// Prefix begins the order ids that Toss sees: 1 to 20 letters, digits or "_". It tells the orders of several
	// databases apart that share one account at Toss.
	Prefix    string
	Transport http.RoundTripper // default: one with time-outs
	TestCode  func() string     // for tests: makes Toss answer with this error; "" for none
}

// Toss is the Gateway to Toss Payments, or to whoever speaks its protocol.
type Toss struct {
	base     *url.URL
	sign     func(*http.Request) // a key in a field would be printed with the struct
	names    OrderNames
	client   *http.Client
	testCode func() string
}

// NewToss checks the options; it asks nobody.
func NewToss(o TossOptions) (*Toss, error) {
	if o.URL == "" {
		o.URL = TossURL
	}
	base, err := url.Parse(o.URL)
	switch {
	case err != nil || base.Host == "" || base.User != nil || base.RawQuery != "":
		return nil, errors.New("payments: the address of Toss is no address")
	case base.Scheme != "https" && (base.Scheme != "http" || o.Transport == nil && !thisMachine(base.Hostname())):
		return nil, errors.New("payments: Toss is asked by https only: the secret key is in every request")
	case o.SecretKey == "":
		return nil, errors.New("payments: Toss needs a secret key")
	}
	names, err := NewOrderNames(o.Prefix)
	if err != nil {
		return nil, err
	}
	if o.Transport == nil {
		o.Transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: connectLimit}).DialContext,
			TLSHandshakeTimeout: connectLimit, MaxIdleConnsPerHost: maxIdle, IdleConnTimeout: idleLimit,
			MaxResponseHeaderBytes: maxAnswer, ForceAttemptHTTP2: true,
		}
	}
	if o.TestCode == nil {
		o.TestCode = func() string { return "" }
	}
	never := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // the key goes nowhere else
	client := &http.Client{Transport: o.Transport, Timeout: CallLimit, CheckRedirect: never}
	sign := func(r *http.Request) { r.SetBasicAuth(string(o.SecretKey), "") }
	base.Path = strings.TrimSuffix(base.Path, "/")
	return &Toss{base, sign, names, client, o.TestCode}, nil
}

func thisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Confirm takes the money of an authenticated payment.
func (t *Toss) Confirm(ctx context.Context, c Confirm) Answer {
	if !validKey(c.Key) {
		return Answer{Say: Refused, Code: CodeKeyInvalid}
	}
	order := t.names.Name(c.Order)
	body := map[string]any{"paymentKey": c.Key, "orderId": order, "amount": c.Amount}
	a := t.do(ctx, http.MethodPost, "/v1/payments/confirm", "confirm:"+order, body)
	if a.Say == Nothing && finalRefusals[a.Code] {
		a.Say = Refused
	}
	return a
}

// Names are what Toss knows our orders by.
func (t *Toss) Names() OrderNames { return t.names }

// Payment shows a payment by its key.
func (t *Toss) Payment(ctx context.Context, key string) Answer {
	if !validKey(key) {
		return Answer{Say: Missing, Code: CodeKeyInvalid}
	}
	return missing(t.do(ctx, http.MethodGet, "/v1/payments/"+url.PathEscape(key), "", nil))
}

// PaymentOf shows the payment of an order.
func (t *Toss) PaymentOf(ctx context.Context, order ticketing.OrderID) Answer {
	return missing(t.do(ctx, http.MethodGet, "/v1/payments/orders/"+url.PathEscape(t.names.Name(order)), "", nil))
}

// Cancel gives money back.
func (t *Toss) Cancel(ctx context.Context, c Cancel) Answer {
	if !validKey(c.Key) {
		return Answer{Say: Nothing, Code: CodeKeyInvalid}
	}
	body := map[string]any{"cancelReason": c.Reason}
	amount := "all"
	if c.Amount > 0 {
		amount = strconv.FormatInt(int64(c.Amount), 10)
		body["cancelAmount"] = c.Amount
	}
	// Toss knows a repeat by its key and never looks at the body: all that makes this cancellation this one is in it.
	key := strings.Join([]string{"cancel", t.names.Name(c.Order), strconv.FormatInt(int64(c.Returned), 10), amount}, ":")
	return t.do(ctx, http.MethodPost, "/v1/payments/"+url.PathEscape(c.Key)+"/cancel", key, body)
}

// missing: only the answer to a question can say that a payment is not there.
func missing(a Answer) Answer {
	if a.Say == Nothing && a.Code == "NOT_FOUND_PAYMENT" {
		a.Say = Missing
	}
	return a
}

// do sends one request about a payment. An answer that is no payment says Nothing.
func (t *Toss) do(ctx context.Context, method, path, idempotency string, body any) Answer {
	data, code := t.send(ctx, method, path, idempotency, body, maxAnswer)
	if code != "" {
		return Answer{Say: Nothing, Code: code}
	}
	return t.readPayment(data)
}

// send returns what Toss answers to one request, at most limit bytes, or a code of Toss' or ours why not. No error of
// a library is passed on: addresses stand in them, and in those the keys of payments.
func (t *Toss) send(ctx context.Context, method, path, idempotency string, body any, limit int64) ([]byte, string) {
	request, err := t.request(ctx, method, path, idempotency, body)
	if err != nil {
		return nil, CodeNoAnswer
	}
	response, err := t.client.Do(request)
	if err != nil {
		return nil, CodeNoAnswer
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	switch {
	case err != nil:
		return nil, CodeNoAnswer
	case int64(len(data)) > limit:
		return nil, CodeTooLong
	case response.StatusCode == http.StatusOK:
		return data, ""
	case response.StatusCode < http.StatusBadRequest || response.StatusCode >= http.StatusInternalServerError:
		return nil, "http_" + strconv.Itoa(response.StatusCode) // whoever answers so, a gateway too, has not decided anything
	}
	return nil, readCode(data)
}

func (t *Toss) request(ctx context.Context, method, path, idempotency string, body any) (*http.Request, error) {
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = strings.NewReader(string(data))
	}
	request, err := http.NewRequestWithContext(ctx, method, t.base.String()+path, content)
	if err != nil {
		return nil, err
	}
	t.sign(request)
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", idempotency)
	}
	if code := t.testCode(); code != "" {
		request.Header.Set("TossPayments-Test-Code", code)
	}
	return request, nil
}
