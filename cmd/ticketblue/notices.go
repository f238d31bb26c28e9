package main

import (
	"context"
	"time"

	"ticketblue/api"
	"ticketblue/notify"
	"ticketblue/persistence"
)

type noticeFlags struct {
	SMTPURL  string `name:"smtp-url" env:"TB_SMTP_URL" placeholder:"URL" help:"Mail server: smtp://user:password@host:587 (STARTTLS), smtps:// (TLS), smtp+plain:// (none, for a relay on this machine). Without it mail goes to the outbox of the operations port."`
	MailFrom string `env:"TB_MAIL_FROM" default:"Ticket Blue <tickets@ticketblue.example>" placeholder:"ADDRESS" help:"What mail comes from (${default})."`
	Slack    string `name:"slack-webhook-url" env:"TB_SLACK_WEBHOOK_URL" placeholder:"URL" help:"Incoming webhook of the Slack channel where staff hear of sales and refunds. Without it those go to the outbox."`
}

// lanes are kinds of job that wait for somebody outside, and how many of them are worked at once: whoever does not
// answer must keep nobody else's work waiting.
var lanes = map[string]int{
	notify.JobMail: 4, notify.JobSlack: 1, // Slack takes one message a second
	persistence.MailPasswordReset: 1, // not behind a thousand tickets
	indexJobKind:                  2,
}

// openNotices makes what tells people. What is not configured goes to the outbox.
func (n *node) openNotices(context.Context) error {
	mail, slack := notify.Sender(notify.Outbox(n.store.KeepMessage)), notify.Sender(notify.Outbox(n.store.KeepMessage))
	if address := n.cmd.Notices.SMTPURL; address != "" {
		server, err := notify.NewSMTP(address, n.cmd.Notices.MailFrom)
		if err != nil {
			return err
		}
		mail = server
	}
	if address := n.cmd.Notices.Slack; address != "" {
		webhook, err := notify.NewWebhook(address)
		if err != nil {
			return err
		}
		slack = webhook
	}
	n.notifier = notify.New(notify.Config{
		Store: n.store, Mail: mail, Slack: slack, Nudge: n.broadcast.Nudge, TicketKey: notify.TicketKey(n.store.tokens),
		PublicURL: n.base(), Clock: time.Now, Log: n.log, Metrics: n.registry,
	})
	return nil
}

// registerNotices says who works the jobs of notices, and the mails of accounts.
func (n *node) registerNotices() {
	work := n.store.jobs
	work.Register(notify.JobNotice, n.notifier.Tell)
	work.Register(notify.JobRound, n.notifier.TellRound)
	work.Register(notify.JobMail, n.notifier.DeliverMail)
	work.Register(notify.JobSlack, n.notifier.DeliverSlack)
	mailer := api.ResetMailer{Prepare: n.store.PrepareReset, Send: n.notifier.SendMail, PublicURL: n.base(), Clock: time.Now}
	work.Register(persistence.MailPasswordReset, mailer.Work)
}

// followNudges passes on to open inboxes that there is something new.
func (n *node) followNudges(context.Context) error {
	n.inBackground("nudges", func(ctx context.Context) {
		if err := n.broadcast.Nudges(ctx, n.api.Load().NudgeInbox); err != nil {
			n.log.Error("open inboxes learn of news by looking only", "err", err)
		}
	})
	return nil
}
