package persistence

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// maxCachedPlans bounds the memory of the cache: a plan of 100,000 seats takes some 30 MB.
const maxCachedPlans = 64

// planCache shares one copy of each plan among all rounds that use it.
type planCache struct {
	mu    sync.Mutex
	slots map[ticketing.Hash]*planSlot
}

// planSlot is filled by the first who asks, while others who ask for the same plan wait.
type planSlot struct {
	mu   sync.Mutex
	plan *ticketing.Plan
}

func (c *planCache) slot(hash ticketing.Hash) *planSlot {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.slots[hash]; s != nil {
		return s
	}
	if c.slots == nil {
		c.slots = map[ticketing.Hash]*planSlot{}
	}
	for other := range c.slots {
		if len(c.slots) < maxCachedPlans {
			break
		}
		delete(c.slots, other) // any one: who has the plan keeps it
	}
	s := &planSlot{}
	c.slots[hash] = s
	return s
}

func (c *planCache) forget(hash ticketing.Hash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.slots, hash)
}

// Plan is the seat layout with this hash. The copy is shared: nobody may change it. It returns
// ticketing.ErrNotFound when there is none.
func (db *DB) Plan(ctx context.Context, hash ticketing.Hash) (*ticketing.Plan, error) {
	slot := db.plans.slot(hash)
	slot.mu.Lock()
	defer slot.mu.Unlock()
	if slot.plan != nil {
		return slot.plan, nil
	}
	plan, err := db.readPlan(ctx, hash)
	if err != nil {
		db.plans.forget(hash) // else asking for plans that do not exist would push out those that do
		return nil, fmt.Errorf("plan %s: %w", hash, err)
	}
	slot.plan = plan
	return plan, nil
}

func (db *DB) readPlan(ctx context.Context, hash ticketing.Hash) (*ticketing.Plan, error) {
	var body []byte
	err := db.pool.QueryRow(ctx, `SELECT body FROM plans WHERE hash = $1`, hash[:]).Scan(&body)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ticketing.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	plan, err := ticketing.ParsePlan(body)
	if err != nil {
		return nil, err
	}
	if plan.Hash() != hash {
		return nil, errors.New("the stored layout is not the one its name says")
	}
	return plan, nil
}

// storePlan keeps the plan unless it is kept already.
func storePlan(ctx context.Context, tx pgx.Tx, plan *ticketing.Plan) error {
	hash := plan.Hash()
	_, err := tx.Exec(ctx, `INSERT INTO plans (hash, seats, body) VALUES ($1, $2, $3) ON CONFLICT (hash) DO NOTHING`,
		hash[:], len(plan.Seats), plan.Body())
	return err
}
