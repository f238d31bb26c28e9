package main

import (
	"bytes"
	"context"
	"net/http"
	"strconv"

	"github.com/gofiber/fiber/v2"
)

// What bench makes before a load and reads after it.

func (f *front) logIn(c *fiber.Ctx) error {
	token, err := f.tokens.mint(adminUser)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"access_token": token})
}

// makeHall answers with the number of seats as the plan's name and as the hall's id: that is all there is to a plain hall.
func (f *front) makeHall(c *fiber.Ctx) error {
	var in struct{ Seats int }
	if err := c.BodyParser(&in); err != nil || in.Seats < 1 {
		return errBody
	}
	return c.Status(http.StatusCreated).JSON(fiber.Map{"id": in.Seats, "plan": strconv.Itoa(in.Seats)})
}

func (f *front) plan(c *fiber.Ctx) error {
	n, err := strconv.Atoi(c.Params("hash"))
	if err != nil {
		return fiber.ErrNotFound
	}
	seats := make([]fiber.Map, n)
	for i := range seats {
		seats[i] = fiber.Map{"label": label(int32(i)), "section": "A", "row": "1", "number": i + 1}
	}
	return c.JSON(fiber.Map{"grades": []string{"standard"}, "seats": seats})
}

// makePerformance goes on with the hall's id.
func (f *front) makePerformance(c *fiber.Ctx) error {
	var in struct {
		Hall int `json:"hall_id"`
	}
	if err := c.BodyParser(&in); err != nil {
		return errBody
	}
	return c.Status(http.StatusCreated).JSON(fiber.Map{"id": in.Hall})
}

func (f *front) makeRound(c *fiber.Ctx) error {
	seats, err := strconv.Atoi(c.Params("id"))
	if err != nil {
		return fiber.ErrNotFound
	}
	id, err := f.open(c.UserContext(), seats)
	if err != nil {
		return err
	}
	return c.Status(http.StatusCreated).JSON(fiber.Map{"id": id})
}

type counts struct {
	Free    int `json:"free"`
	Held    int `json:"held"`
	Sold    int `json:"sold"`
	Blocked int `json:"blocked"`
}

// seen is a round as the database has it.
func (f *front) seen(ctx context.Context, id int64) (states []byte, n counts, err error) {
	r, known := f.round(id)
	if !known {
		return nil, n, fiber.ErrNotFound
	}
	seats, _, err := f.owners(ctx, id)
	if err != nil {
		return nil, n, err
	}
	states = bytes.Repeat([]byte("."), r.seats)
	for _, seat := range seats {
		states[seat] = 'h'
	}
	n.Held = bytes.Count(states, []byte("h"))
	n.Free = r.seats - n.Held
	return states, n, nil
}

func (f *front) status(c *fiber.Ctx) error {
	id, _ := strconv.ParseInt(c.Params("id"), 10, 64)
	states, n, err := f.seen(c.UserContext(), id)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"status": "open", "plan": strconv.Itoa(len(states)), "totals": n, "grades": []counts{n}})
}

func (f *front) seatMap(c *fiber.Ctx) error {
	id, _ := strconv.ParseInt(c.Params("id"), 10, 64)
	states, _, err := f.seen(c.UserContext(), id)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"plan": strconv.Itoa(len(states)), "seats": string(states)})
}

type roundReport struct {
	Round int64 `json:"round"`
	counts
	Reservations []*reservationReport `json:"reservations"`
}

type reservationReport struct {
	ID     string   `json:"id"`
	User   int64    `json:"user"`
	Status string   `json:"status"`
	Seats  []string `json:"seats"`
}

// report is what the database has, in the form of ticketblue verify --json.
func (f *front) report(ctx context.Context) (any, error) {
	rounds := []roundReport{}
	for id := int64(1); ; id++ {
		if _, known := f.round(id); !known {
			campaigns, err := f.counter.report(ctx)
			return fiber.Map{"ok": true, "problems": []string{}, "live": true, "rounds": rounds, "campaigns": campaigns}, err
		}
		_, n, err := f.seen(ctx, id)
		if err != nil {
			return nil, err
		}
		customers, err := f.customers(ctx, id)
		if err != nil {
			return nil, err
		}
		seats, owners, err := f.owners(ctx, id)
		if err != nil {
			return nil, err
		}
		r := roundReport{Round: id, counts: n, Reservations: []*reservationReport{}}
		found := map[int64]*reservationReport{}
		for i, seat := range seats {
			owner := found[owners[i]]
			if owner == nil {
				owner = &reservationReport{
					ID: strconv.FormatInt(id, 10) + "-" + strconv.FormatInt(owners[i], 10), User: customers[owners[i]], Status: "held",
				}
				found[owners[i]] = owner
				r.Reservations = append(r.Reservations, owner)
			}
			owner.Seats = append(owner.Seats, label(seat))
		}
		rounds = append(rounds, r)
	}
}
