package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"ticketblue/api/auth"
	"ticketblue/ticketing"
)

type adminCmd struct {
	Create adminCreateCmd `cmd:"" help:"Make an admin. There is no other way to make the first one."`
}

type adminCreateCmd struct {
	Store         storeFlags `embed:""`
	Email         string     `required:"" help:"The admin's e-mail, for logging in."`
	Name          string     `default:"Admin" help:"Shown name."`
	PasswordStdin bool       `help:"Read the password from the first line of standard input instead of making one."`
	JSON          bool       `name:"json" help:"Print the log-in as JSON."`
}

// login is how a new admin gets in; printed once, kept nowhere.
type login struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

// Run makes the admin and prints the log-in.
func (c adminCreateCmd) Run(ctx context.Context) (err error) {
	password := newPassword()
	if c.PasswordStdin {
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if password = strings.TrimRight(line, "\r\n"); password == "" {
			return fmt.Errorf("reading the password from standard input: %w", err)
		}
	}
	s, err := c.Store.openShared(ctx, c.Store.logger())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	made, err := createAccount(ctx, s, ticketing.Admin, c.Email, c.Name, password)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(made)
	}
	_, err = fmt.Printf("admin %s\npassword %s\n", made.Email, made.Password)
	return err
}

// newPassword is random and obeys the rules for passwords: a letter, a digit and a special character are in it.
func newPassword() string { return "tb-" + strings.ToLower(rand.Text()[:20]) + "-7" }

func createAccount(ctx context.Context, s *store, role ticketing.Role, address, name, password string) (login, error) {
	email, err := auth.Email(address)
	if err := errors.Join(err, auth.CheckName(name), auth.CheckPassword(password)); err != nil {
		return login{}, err
	}
	passwords, err := auth.NewPasswords(nil)
	if err != nil {
		return login{}, err
	}
	hash, err := passwords.Hash(ctx, password)
	if err != nil {
		return login{}, err
	}
	user := ticketing.User{Email: email, Name: name, PasswordHash: hash, Role: role, CreatedAt: time.Now()}
	create := s.CreateUser
	if role == ticketing.Admin {
		create = s.createAdmin
	}
	if _, err := create(ctx, user); err != nil {
		return login{}, fmt.Errorf("making %s %s: %w", role, email, err)
	}
	return login{email, password}, nil
}

// createAdmin makes an admin as the API does: an admin of whom the audit log knows nothing there is not. No admin does
// it, so that the line has no user.
func (s *store) createAdmin(ctx context.Context, user ticketing.User) (ticketing.UserID, error) {
	line := ticketing.AuditEntry{Operation: "create-admin", RequestID: rand.Text()}
	begun, err := s.Audit(ctx, line, 0)
	if err != nil {
		return 0, err
	}
	id, err := s.CreateUser(ctx, user)
	switch {
	case err == nil:
		line.Status, line.Targets = http.StatusCreated, map[string]string{"admin": strconv.FormatInt(int64(id), 10)}
	case errors.Is(err, ticketing.ErrEmailTaken):
		line.Status = http.StatusConflict
	default:
		return 0, err // whether it was made nobody knows, and the log says so
	}
	_, unaudited := s.Audit(ctx, line, begun)
	return id, errors.Join(err, unaudited)
}
