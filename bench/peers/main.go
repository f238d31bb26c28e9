// Command peers is what people would use instead of Ticket Blue: a small seat shop in the usual ways of keeping a seat
// from being sold twice, behind the same paths, bodies, token check and kind of database. It knows the commands of
// ticketblue that bench uses, so the same load generator drives it and the same judge judges it. It has none of Ticket
// Blue's other work: no limit per customer, no memory of keys, no events, no live maps.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

type cli struct {
	Kind    string    `enum:"redis-lock,row-lock,unique,skip-locked,optimistic,redis-lua" required:"" help:"How seats are kept from being sold twice: ${enum}."`
	Coupons string    `enum:"no-lock,optimistic,row-lock,redis-lock,one-statement" default:"row-lock" help:"How no more coupons are given away than there are: ${enum}."`
	Pool    int       `default:"16" help:"Connections to Postgres, the same for all kinds. Of 8, 16, 32 and 64, once each in spread on two cores: 16 was the quickest for unique and for row-lock."`
	Serve   serveCmd  `cmd:"" help:"Serve until a signal."`
	Admin   adminCmd  `cmd:"" help:"Admins."`
	Seed    seedCmd   `cmd:"" help:"Make customers."`
	Verify  verifyCmd `cmd:"" help:"Say what the database has."`
}

func main() {
	var c cli
	k := kong.Parse(&c, kong.Name("peers"), kong.UsageOnError())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k.BindTo(ctx, (*context.Context)(nil))
	k.FatalIfErrorf(k.Run(&c))
}

type dataDir struct {
	Data string `required:"" placeholder:"DIR" type:"path" help:"Directory for everything that is kept."`
}

// key is the secret that signs tokens; the first who asks makes it.
func (d dataDir) key() ([]byte, error) {
	path := filepath.Join(d.Data, "token.key")
	if key, err := os.ReadFile(path); err == nil {
		return key, nil
	}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	return key, os.WriteFile(path, key, 0o600)
}

type adminCmd struct {
	Create adminCreateCmd `cmd:"" help:"Make an admin."`
}

type adminCreateCmd struct {
	dataDir
	Email string `required:""`
	JSON  bool   `name:"json"`
}

// Run makes nobody: every log-in is the admin's, for there are no other accounts to protect.
func (c adminCreateCmd) Run() error {
	return json.NewEncoder(os.Stdout).Encode(map[string]string{"email": c.Email, "password": "bench"})
}

type seedCmd struct {
	dataDir
	Customers int    `required:""`
	Tokens    string `required:"" placeholder:"FILE"`
}

// Run writes a token for each customer; who has one is a customer.
func (c seedCmd) Run() error {
	key, err := c.key()
	if err != nil {
		return err
	}
	tokens, err := newTokens(key)
	if err != nil {
		return err
	}
	defer tokens.close()
	var b strings.Builder
	for i := range c.Customers {
		token, err := tokens.mint(firstCustomer + int64(i))
		if err != nil {
			return err
		}
		b.WriteString(token + "\n")
	}
	return os.WriteFile(c.Tokens, []byte(b.String()), 0o600)
}

// serverFile is what bench reads to find the server.
type serverFile struct {
	PID    int    `json:"pid"`
	URL    string `json:"url"`
	OpsURL string `json:"ops_url"`
}

func (d dataDir) serverFile() string { return filepath.Join(d.Data, "server.json") }

type verifyCmd struct {
	dataDir
	JSON bool `name:"json"`
}

// Run asks the server.
func (c verifyCmd) Run() error {
	body, err := os.ReadFile(c.serverFile())
	if err != nil {
		return err
	}
	var server serverFile
	if err := json.Unmarshal(body, &server); err != nil {
		return err
	}
	resp, err := http.Post(server.OpsURL+"/verify", "application/json", nil)
	if err != nil {
		return err
	}
	report, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s: %.200s", resp.Status, report)
	}
	_, err = os.Stdout.Write(report)
	return err
}
