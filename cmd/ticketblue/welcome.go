package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"ticketblue/payments"
	"ticketblue/ticketing"
)

// The house's own welcome campaign: what every new customer is given until an admin plans another one or closes it.
const (
	welcomeWon  = 5000
	welcomeLife = 30 * 24 * time.Hour
	welcomeEnds = 100 * 365 * 24 * time.Hour // after it was planned; an admin may close it any day
)

// planWelcome plans the first welcome campaign, once in the life of a database.
func (n *node) planWelcome(ctx context.Context) error {
	now := ticketing.MillisOf(time.Now())
	info := ticketing.CampaignInfo{Name: "가입을 환영합니다", Terms: ticketing.CampaignTerms{
		Discount: ticketing.Discount{Kind: ticketing.AmountOff, Value: welcomeWon},
		OpensAt:  now, ClosesAt: now.Add(welcomeEnds), LifeMillis: ticketing.Millis(welcomeLife.Milliseconds()),
	}}
	first, writer, err := firstChunk(ticketing.CampaignPlanned{Terms: info.Terms})
	if err != nil {
		return err
	}
	return n.store.CreateFirstWelcome(ctx, info, first, writer)
}

// gifts gives what customers need not ask for.
type gifts struct {
	sales payments.Sales
	log   *slog.Logger
}

// welcome gives a new customer his coupon. The campaign knows whom it has given one, so that doing it again, after a
// crash or a lost answer, gives no second. One that is paused makes the customer wait; one that has ended gives none.
func (g gifts) welcome(ctx context.Context, args []byte) error {
	var gift struct {
		Campaign ticketing.CampaignID `json:"campaign"`
		User     ticketing.UserID     `json:"user"`
	}
	if err := json.Unmarshal(args, &gift); err != nil {
		return fmt.Errorf("reading what a new customer is given: %w", err)
	}
	result := g.sales.Do(ctx, ticketing.CampaignStream(gift.Campaign), ticketing.GiveCoupon{User: gift.User})
	switch result.Code {
	case ticketing.OK:
		return nil
	case ticketing.CodeCampaignClosed, ticketing.CodeCouponsGone:
		g.log.Info("no welcome coupon", "user", gift.User, "campaign", gift.Campaign, "reason", result.Code)
		return nil
	}
	return fmt.Errorf("giving user %d a welcome coupon: %s", gift.User, result.Code)
}
