package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"ticketblue/api/auth"
	"ticketblue/ticketing"
)

const maxSeedCustomers = 1_000_000

type seedCmd struct {
	Store     storeFlags `embed:""`
	Customers int        `required:"" help:"How many customers to make."`
	Tokens    string     `required:"" placeholder:"FILE" help:"File to write one access token per line to, readable by its owner only. Tokens last 15 minutes."`
}

// Run makes customers that cannot log in by password: their tokens are all there is.
func (c seedCmd) Run(ctx context.Context) (err error) {
	if c.Customers < 1 || c.Customers > maxSeedCustomers {
		return fmt.Errorf("--customers must be between 1 and %d", maxSeedCustomers)
	}
	s, err := c.Store.openShared(ctx, c.Store.logger())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	run, now := strings.ToLower(rand.Text()[:10]), time.Now()
	users := make([]ticketing.User, c.Customers)
	for i := range users {
		users[i] = ticketing.User{
			Email: fmt.Sprintf("%s-%d@seed.invalid", run, i+1), Name: fmt.Sprintf("Customer %d", i+1),
			PasswordHash: "", Role: ticketing.Customer, CreatedAt: now, // no password is right
		}
	}
	ids, err := s.CreateUsers(ctx, users)
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
