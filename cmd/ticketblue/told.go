package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"ticketblue/notify"
	"ticketblue/ticketing"
)

type noticesCmd struct {
	List  noticesListCmd  `cmd:"" default:"withargs" help:"Count what was told by channel and state, and list what was given up."`
	Retry noticesRetryCmd `cmd:"" help:"Send what was given up once more. A running server takes it up at once, else the next one."`
}

type noticesListCmd struct {
	Store storeFlags `embed:""`
	Limit int        `default:"100" help:"So many of those that were given up, the oldest first (${default})."`
}

// Run prints the counts and the dead letters. They hold ids only.
func (c noticesListCmd) Run(ctx context.Context) (err error) {
	s, err := c.Store.openShared(ctx, c.Store.logger())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	counts, err := s.CountDeliveries(ctx)
	if err != nil {
		return err
	}
	for _, channel := range []ticketing.Channel{ticketing.Mail, ticketing.Slack} {
		n := counts[channel]
		fmt.Printf("%-5s  %d waiting, %d sent, %d given up, %d dropped\n", channel, n[ticketing.DeliveryWaiting],
			n[ticketing.DeliverySent], n[ticketing.DeliveryDead], n[ticketing.DeliveryDropped])
	}
	dead, err := s.OpenDeliveries(ctx, "", ticketing.DeliveryDead, c.Limit)
	if err != nil {
		return err
	}
	for _, d := range dead {
		fmt.Printf("given up  %s  %s  %s  after %d attempts: %s\n", d.Fact, d.Channel, d.Kind, d.Attempts, d.LastError)
	}
	return nil
}

type noticesRetryCmd struct {
	Store   storeFlags `embed:""`
	Channel string     `enum:"mail,slack,all" default:"all" help:"Only what goes by mail, or by slack."`
}

// Run takes everything up again that was given up.
func (c noticesRetryCmd) Run(ctx context.Context) (err error) {
	s, err := c.Store.openShared(ctx, c.Store.logger())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	channel := ticketing.Channel(c.Channel)
	if c.Channel == "all" {
		channel = ""
	}
	n, err := s.RetryDeliveries(ctx, channel, notify.DeliveryJob)
	if err != nil {
		return err
	}
	_, err = fmt.Println(n, "taken up again")
	return err
}

type ticketCmd struct {
	Verify ticketVerifyCmd `cmd:"" help:"Say whether a ticket's code is ours and its reservation stands; exit 1 if not."`
	Key    ticketKeyCmd    `cmd:"" help:"Print the public key (Ed25519, base64url) that scanners can verify codes with, offline."`
}

type ticketVerifyCmd struct {
	Store storeFlags `embed:""`
	Code  string     `arg:"" help:"What the QR code says, or - to read it from standard input."`
}

// errNoEntry makes the program exit with 1 after it has said why.
var errNoEntry = errors.New("this ticket admits nobody")

// Run verifies one code.
func (c ticketVerifyCmd) Run(ctx context.Context) (err error) {
	if c.Code == "-" {
		const most = 1 << 10
		text, err := io.ReadAll(io.LimitReader(os.Stdin, most))
		if err != nil {
			return fmt.Errorf("reading the code: %w", err)
		}
		c.Code = strings.TrimSpace(string(text))
	}
	s, err := c.Store.openShared(ctx, c.Store.logger())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	id, err := notify.VerifyTicket(ticketPublic(s), c.Code)
	if err != nil {
		return err
	}
	r, err := s.ReservationOf(ctx, id)
	if err != nil {
		return err
	}
	fmt.Printf("%s  %s  %s  %s  %s\n", id, r.Status, r.Title, r.StartsAt.Time().Format("2006-01-02 15:04 MST"), strings.Join(r.Seats, ", "))
	if r.Status != ticketing.Confirmed {
		return errNoEntry
	}
	return nil
}

type ticketKeyCmd struct {
	Store storeFlags `embed:""`
}

// Run prints the key.
func (c ticketKeyCmd) Run(ctx context.Context) (err error) {
	s, err := c.Store.openShared(ctx, c.Store.logger())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	_, err = fmt.Println(base64.RawURLEncoding.EncodeToString(ticketPublic(s)))
	return err
}

func ticketPublic(s *store) ed25519.PublicKey {
	public, _ := notify.TicketKey(s.tokens).Public().(ed25519.PublicKey)
	return public
}
