package faketoss

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	maxField  = 2000 // characters of a field of the page's address
	maxAmount = 1_000_000_000_000
)

// purchase is what the page's address asks for, in the names of the real widget's requestPayment: orderId, orderName,
// amount, successUrl, failUrl.
type purchase struct {
	order, name      string
	amount           int64
	success, failure *url.URL // of the server that the page came from: people are sent nowhere else
}

// read checks the address; the error is for a developer.
func read(r *http.Request) (purchase, error) {
	q, err := url.ParseQuery(strings.Clone(r.URL.RawQuery)) // some of it is kept, and the server may use its buffers again
	if err != nil {
		return purchase{}, err
	}
	p := purchase{order: q.Get("orderId"), name: q.Get("orderName")}
	if n := len(p.order); n < 6 || n > 64 {
		return p, fmt.Errorf("orderId must have 6 to 64 characters")
	}
	if p.amount, err = strconv.ParseInt(q.Get("amount"), 10, 64); err != nil || p.amount <= 0 || p.amount > maxAmount {
		return p, fmt.Errorf("amount must be a number of won above 0")
	}
	if p.success, err = back(r, q.Get("successUrl")); err != nil {
		return p, fmt.Errorf("successUrl %w", err)
	}
	if p.failure, err = back(r, q.Get("failUrl")); err != nil {
		return p, fmt.Errorf("failUrl %w", err)
	}
	return p, nil
}

// back is an address of the same host.
func back(r *http.Request, address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || len(address) > maxField || u.Host != r.Host || u.Scheme != "http" && u.Scheme != "https" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") {
		return nil, fmt.Errorf("must be an address of this site: http://%s/", r.Host)
	}
	return u, nil
}

// with adds fields to the address, and leaves out the host: it is this one.
func with(u *url.URL, fields url.Values) string {
	q := u.Query()
	for name, values := range fields {
		q[name] = values
	}
	local := url.URL{Path: u.Path, RawQuery: q.Encode()}
	return local.String()
}

func (t *Toss) showPage(w http.ResponseWriter, r *http.Request) {
	p, err := read(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	w.Header().Set("Referrer-Policy", "same-origin") // without one, a form's Origin is null
	_ = page.Execute(w, map[string]any{              // the browser has gone
		"Address": r.URL.RequestURI(), "Name": p.name, "Order": p.order, "Amount": grouped(p.amount), "Seconds": int(SlowFor.Seconds()),
	})
}

// decide is the customer's press of a button.
func (t *Toss) decide(w http.ResponseWriter, r *http.Request) {
	p, err := read(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch o := Outcome(strings.Clone(r.PostFormValue("outcome"))); o {
	case Approve, Refuse, Slow, Lost, Unheard, Failing, Deposit:
		key, err := t.Authenticate(p.order, p.name, p.amount, o)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fields := url.Values{"paymentType": {"NORMAL"}, "orderId": {p.order}, "paymentKey": {key}, "amount": {strconv.FormatInt(p.amount, 10)}}
		http.Redirect(w, r, with(p.success, fields), http.StatusSeeOther)
	case Declined:
		fields := url.Values{"code": {"PAY_PROCESS_CANCELED"}, "message": {"사용자가 결제를 취소했습니다"}, "orderId": {p.order}}
		http.Redirect(w, r, with(p.failure, fields), http.StatusSeeOther)
	default:
		http.Error(w, "outcome must be one of the page's", http.StatusBadRequest)
	}
}

// grouped is a number with a comma between thousands.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// page has no script: it works where nothing else does.
var page = template.Must(template.New("pay").Parse(`<!doctype html>
<html lang="ko">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Toss Payments (fake)</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; background: #f2f4f6; color: #191f28; margin: 0; display: grid; place-items: center; min-height: 100vh }
  main { background: #fff; padding: 2rem; border-radius: 12px; width: min(26rem, 90vw); box-shadow: 0 1px 8px #0002; box-sizing: border-box }
  h1 { font-size: 1.2rem; margin: 0 0 .5rem }
  p { color: #4e5968; margin: 0 0 1rem; font-size: .9rem }
  dl { display: grid; grid-template-columns: auto 1fr; gap: .2rem 1rem; margin: 0 0 1rem }
  dt { color: #4e5968 } dd { margin: 0; text-align: right; overflow-wrap: anywhere }
  dd.amount { font-weight: 700; font-size: 1.15rem }
  button { width: 100%; padding: .7rem; font: inherit; border: 0; border-radius: 6px; margin-top: .5rem; cursor: pointer; background: #e5e8eb; color: inherit }
  button[value=approve] { background: #1b64da; color: #fff; font-weight: 600 }
  button:focus-visible, summary:focus-visible { outline: 3px solid #0b3d91; outline-offset: 2px }
  details { margin-top: 1rem } summary { cursor: pointer; color: #4e5968 }
</style>
<main>
  <h1>가짜 토스페이먼츠 · Fake Toss Payments</h1>
  <p>No money moves here. 실제 결제가 아닙니다.</p>
  <dl>
    <dt>상품 · Item</dt><dd>{{.Name}}</dd>
    <dt>주문 · Order</dt><dd>{{.Order}}</dd>
    <dt>금액 · Amount</dt><dd class="amount">₩{{.Amount}}</dd>
  </dl>
  <form method="post" action="{{.Address}}">
    <button name="outcome" value="approve">결제하기 · Pay</button>
    <button name="outcome" value="declined">취소 · Do not pay</button>
    <details>
      <summary>다른 결과 · What else may happen</summary>
      <button name="outcome" value="refuse">카드사 거절 · The card company refuses</button>
      <button name="outcome" value="slow">{{.Seconds}}초 걸림 · It takes {{.Seconds}} seconds</button>
      <button name="outcome" value="lost">응답 유실 · Paid, but the answer is lost</button>
      <button name="outcome" value="unheard">요청 유실 · The request is lost once</button>
      <button name="outcome" value="failing">일시 오류 · An error that says nothing, once</button>
      <button name="outcome" value="deposit">가상계좌 · A virtual account</button>
    </details>
  </form>
</main>
`))
