package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"strings"
	"time"

	"ticketblue/api/auth"
	"ticketblue/ticketing"
)

const (
	maxSeedCustomers = 1_000_000
	seedUsers        = 10_000
)

type seedCmd struct {
	Store     storeFlags `embed:""`
	Blobs     blobFlags  `embed:""`
	Size      string     `enum:",demo,users,catalogue" default:"" placeholder:"SIZE" help:"What to make: demo (what serve --demo loads), users (10,000 who can log in) or catalogue (100,000 rows of halls, performers, performances and rounds)."`
	Seed      uint64     `default:"1" help:"Which users or catalogue: the same number makes the same ones, once (${default})."`
	Customers int        `help:"How many customers to make for a load test, instead of a size."`
	Tokens    string     `placeholder:"FILE" help:"With --customers: file to write one access token per line to, readable by its owner only. Tokens last 15 minutes."`
}

// Run makes what is asked for, all of it or nothing.
func (c seedCmd) Run(ctx context.Context) (err error) {
	if (c.Size == "") == (c.Customers == 0) {
		return errors.New("say what to make: --size demo, --size users, --size catalogue, or --customers N --tokens FILE")
	}
	if c.Size == "" && (c.Tokens == "" || c.Customers < 1 || c.Customers > maxSeedCustomers) {
		return fmt.Errorf("--customers must be between 1 and %d, and needs --tokens FILE", maxSeedCustomers)
	}
	s, err := c.Store.openShared(ctx, c.Store.logger())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	switch c.Size {
	case "demo":
		return c.demo(ctx, s)
	case "users":
		return c.users(ctx, s)
	case "catalogue":
		return c.catalogue(ctx, s)
	}
	return c.customers(ctx, s)
}

// demo loads what serve --demo does, into an empty catalogue.
func (c seedCmd) demo(ctx context.Context, s *store) error {
	blobs, err := c.Blobs.open(ctx, c.Store.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, blobs.Close()) }()
	passwords, err := auth.NewPasswords(nil)
	if err != nil {
		return err
	}
	d := demo{s, newUploads(s, blobs), passwords, c.Store.Data, nil}
	if _, err := d.newest(ctx); err == nil {
		return errors.New("the catalogue is not empty: the demo is for an empty one (or is here already)")
	} else if !errors.Is(err, ticketing.ErrNotFound) {
		return err
	}
	loaded, err := d.load(ctx)
	if err == nil {
		loaded.print("")
	}
	return err
}

// catalogue makes a hundred thousand rows.
func (c seedCmd) catalogue(ctx context.Context, s *store) error {
	p := newProgress(os.Stderr, "Making a catalogue", fullCatalogue.rows())
	err := seedCatalogue(ctx, s, fullCatalogue, c.Seed, p)
	p.end()
	if err != nil {
		return err
	}
	_, err = fmt.Printf("made a catalogue of %d halls, %d performers, %d performances and %d rounds: %s\n",
		fullCatalogue.halls, fullCatalogue.performers, fullCatalogue.performances, fullCatalogue.rounds, p.speed())
	return err
}

// users makes customers with a password that all of them share: a hash for each would take minutes.
func (c seedCmd) users(ctx context.Context, s *store) error {
	passwords, err := auth.NewPasswords(nil)
	if err != nil {
		return err
	}
	password := newPassword()
	hash, err := passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	p := newProgress(os.Stderr, "Making users", seedUsers)
	users, err := inventUsers(seedUsers, c.Seed, hash, time.Now())
	if err == nil {
		_, err = s.CreateUsers(ctx, users, p.add)
	}
	p.end()
	if errors.Is(err, ticketing.ErrEmailTaken) {
		return fmt.Errorf("the users of --seed %d are here already; another number makes others", c.Seed)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Printf("made %d users, %s to %s: %s\npassword of them all %s\n",
		len(users), users[0].Email, users[len(users)-1].Email, p.speed(), password)
	return err
}

// inventUsers makes up users whose addresses nobody can have.
func inventUsers(n int, seed uint64, hash string, now time.Time) ([]ticketing.User, error) {
	chance := mathrand.New(mathrand.NewPCG(seed, uint64(n)))
	users := make([]ticketing.User, n)
	for i := range users {
		name, _ := personName(chance)
		email, err := auth.Email(fmt.Sprintf("user-%d@seed-%d.invalid", i+1, seed))
		if err := errors.Join(err, auth.CheckName(name)); err != nil {
			return nil, err
		}
		users[i] = ticketing.User{Email: email, Name: name, PasswordHash: hash, Role: ticketing.Customer, CreatedAt: now}
	}
	return users, nil
}

// customers makes customers that cannot log in by password: their tokens are all there is.
func (c seedCmd) customers(ctx context.Context, s *store) error {
	run, now := strings.ToLower(rand.Text()[:10]), time.Now()
	users := make([]ticketing.User, c.Customers)
	for i := range users {
		users[i] = ticketing.User{
			Email: fmt.Sprintf("%s-%d@seed.invalid", run, i+1), Name: fmt.Sprintf("Customer %d", i+1),
			PasswordHash: "", Role: ticketing.Customer, CreatedAt: now, // no password is right
		}
	}
	ids, err := s.CreateUsers(ctx, users, nil)
	if err != nil {
		return err
	}
	tokens, err := auth.NewTokens(s.tokens, time.Now)
	if err != nil {
		return err
	}
	if err := writeTokens(c.Tokens, tokens, ids); err != nil {
		return err
	}
	_, err = fmt.Printf("made %d customers; their tokens are in %s\n", len(ids), c.Tokens)
	return err
}

func writeTokens(path string, tokens *auth.Tokens, ids []ticketing.UserID) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, secretMode)
	if err != nil {
		return fmt.Errorf("writing tokens: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := file.Chmod(secretMode); err != nil { // it may have been there before
		return fmt.Errorf("writing tokens: %w", err)
	}
	out := bufio.NewWriter(file)
	for _, id := range ids {
		token, err := tokens.Mint(id, ticketing.Customer)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, token); err != nil {
			return fmt.Errorf("writing tokens: %w", err)
		}
	}
	return out.Flush()
}
