package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"ticketblue/ticketing"
)

// settleLimit is for writing down how an attempt ended, which the end of a job's time must not prevent.
const settleLimit = 5 * time.Second

// DeliverMail works a JobMail.
func (n *Notifier) DeliverMail(ctx context.Context, args []byte) error {
	return n.deliver(ctx, ticketing.Mail, n.mail, n.Mail, args)
}

// DeliverSlack works a JobSlack.
func (n *Notifier) DeliverSlack(ctx context.Context, args []byte) error {
	return n.deliver(ctx, ticketing.Slack, n.slack, n.Slack, args)
}

// SendMail sends a mail that is no notice, such as one with a secret in it, which stands in no table.
func (n *Notifier) SendMail(ctx context.Context, m ticketing.Message) error {
	m.Channel = ticketing.Mail
	return n.mail.run(ctx, func(ctx context.Context) error { return n.Mail.Send(ctx, m) })
}

func (n *Notifier) deliver(ctx context.Context, channel ticketing.Channel, by *line, sender Sender, args []byte) error {
	var a deliveryArgs
	if err := json.Unmarshal(args, &a); err != nil {
		return fmt.Errorf("reading a delivery: %w", err)
	}
	d, err := n.Store.Delivery(ctx, a.Fact, channel)
	if errors.Is(err, ticketing.ErrNotFound) {
		return nil // deleted with its customer
	}
	if err != nil {
		return err
	}
	if d.State != ticketing.DeliveryWaiting || d.Tries != a.Try {
		return nil // made before, or taken up anew by another job
	}
	err = by.run(ctx, func(ctx context.Context) error {
		message, err := n.compose(ctx, d)
		if err != nil {
			return err
		}
		d.Attempts++
		return sender.Send(ctx, message)
	})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
	defer cancel()
	return n.settle(ctx, d, err)
}

// settle writes down how an attempt ended. What it returns makes the queue try again, or not.
func (n *Notifier) settle(ctx context.Context, d ticketing.Delivery, err error) error {
	var wait later
	if errors.As(err, &wait) {
		return err
	}
	var t *Trouble
	final := errors.As(err, &t) && t.Final
	tooOld := ticketing.MillisOf(n.Clock()) >= d.CreatedAt.Add(GiveUpAfter)
	switch {
	case err == nil:
		d.State, d.LastError = ticketing.DeliverySent, ""
	case errors.Is(err, ticketing.ErrNotFound):
		d.State, d.LastError = ticketing.DeliveryDropped, "nobody is left to be told"
	case final || tooOld:
		d.State, d.LastError = ticketing.DeliveryDead, err.Error()
		n.Log.Error("a notice is given up: a person must look", "fact", d.Fact, "channel", d.Channel, "err", err)
	default:
		d.LastError = err.Error()
	}
	outcome := string(d.State)
	if d.State == ticketing.DeliveryWaiting {
		outcome = "failed"
	}
	n.outcomes.WithLabelValues(string(d.Channel), outcome).Inc()
	if moved := n.Store.MoveDelivery(ctx, d); moved != nil {
		n.Log.LogAttrs(ctx, slog.LevelWarn, "what became of a notice was not written down; it is tried again",
			slog.String("fact", d.Fact), slog.String("state", string(d.State)), slog.Any("err", moved))
		return moved
	}
	if d.State == ticketing.DeliveryWaiting {
		return err
	}
	return nil
}
