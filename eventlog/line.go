package eventlog

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"ticketblue/ticketing"
)

const (
	ecsVersion  = "8.17.0"
	datasetBase = "ticketblue."
)

// Datasets are the types of events: each has an index of its own.
const (
	Reservation = "reservation"
	Payment     = "payment"
	Coupon      = "coupon"
)

// Outcomes, as ECS has them.
const (
	success = "success"
	failure = "failure"
)

// line is one event. The names are those of ECS but for what stands under ticketblue.
type line struct {
	At      string     `json:"@timestamp"`
	Message string     `json:"message"`
	Log     levelPart  `json:"log"`
	ECS     verPart    `json:"ecs"`
	Service namePart   `json:"service"`
	Event   eventPart  `json:"event"`
	User    *userPart  `json:"user,omitempty"`
	HTTP    *httpPart  `json:"http,omitempty"`
	Error   *errorPart `json:"error,omitempty"`
	Ours    oursPart   `json:"ticketblue"`
}

type (
	levelPart struct {
		Level string `json:"level"`
	}
	verPart struct {
		Version string `json:"version"`
	}
	namePart struct {
		Name string `json:"name"`
	}
	eventPart struct {
		Kind     string `json:"kind"`
		Dataset  string `json:"dataset"`
		Action   string `json:"action"`
		Outcome  string `json:"outcome"`
		ID       string `json:"id"`
		Sequence uint64 `json:"sequence,omitempty"`
	}
	userPart struct {
		Hash string `json:"hash"`
	}
	httpPart struct {
		Request  idPart     `json:"request"`
		Response statusPart `json:"response"`
	}
	idPart struct {
		ID string `json:"id"`
	}
	statusPart struct {
		Status int `json:"status_code"`
	}
	errorPart struct {
		Code string `json:"code"`
	}
	oursPart struct {
		Stream      string         `json:"stream,omitempty"`
		Round       int64          `json:"round,omitempty"`
		Campaign    int64          `json:"campaign,omitempty"`
		Reservation string         `json:"reservation,omitempty"`
		Order       string         `json:"order,omitempty"`
		Coupon      string         `json:"coupon,omitempty"`
		Seats       int            `json:"seats,omitempty"`
		Amount      *ticketing.KRW `json:"amount,omitempty"`
		Target      string         `json:"target,omitempty"`  // of a refused request: what its path names
		Dropped     uint64         `json:"dropped,omitempty"` // lines left out before this one, since the start
	}
)

func newLine(dataset, action, outcome, id string, at time.Time) line {
	level := "info"
	if outcome == failure {
		level = "warn"
	}
	return line{
		At: at.UTC().Format("2006-01-02T15:04:05.000Z07:00"), Message: dataset + " " + action, Log: levelPart{level},
		ECS: verPart{ecsVersion}, Service: namePart{"ticketblue"},
		Event: eventPart{Kind: "event", Dataset: datasetBase + dataset, Action: dataset + "-" + action, Outcome: outcome, ID: id},
	}
}

// person is who an account is in the log: the same hash each time, which leads back to nobody without the key.
func (l *Log) person(u ticketing.UserID) *userPart {
	if u == 0 {
		return nil
	}
	mac := hmac.New(sha256.New, l.opts.Key)
	mac.Write(strconv.AppendInt(nil, int64(u), 10))
	return &userPart{hex.EncodeToString(mac.Sum(nil)[:16])}
}
