// Package load makes a crowd: who wants which seats, when each of them arrives, how they retry, and how long they
// wait. It knows nothing of HTTP; asking is a function it is given.
package load

import (
	"errors"
	"math/rand/v2"
)

// MaxSeats is the most seats one attempt asks for. Sizes 1 to MaxSeats are equally likely.
const MaxSeats = 4

// Block is neighbouring seats: Count of them in plan order from First.
type Block struct{ First, Count int }

func (b Block) overlaps(o Block) bool {
	return b.First < o.First+o.Count && o.First < b.First+b.Count
}

// Wish is one attempt: a customer wants a block.
type Wish struct {
	Customer int // index into the customers
	Block    Block
	First    bool // the customer's first attempt
	Look     bool // looks at the seat map before it; only at the first
}

// Cut cuts the wanted seats into blocks that a party of 1 to MaxSeats could take. joins[i] tells whether seats i
// and i+1 are neighbours. Every wanted seat is in exactly one block.
func Cut(wanted, joins []bool, rng *rand.Rand) []Block {
	var blocks []Block
	for i := 0; i < len(wanted); i++ {
		if !wanted[i] {
			continue
		}
		party := 1 + rng.IntN(MaxSeats)
		b := Block{First: i, Count: 1}
		for b.Count < party && i+1 < len(wanted) && wanted[i+1] && joins[i] {
			b.Count++
			i++
		}
		blocks = append(blocks, b)
	}
	return blocks
}

// ErrTooFewCustomers: nobody may ask twice for the same seat, for seats a customer already holds would move to the
// newer reservation, and the judge could not tell a moved seat from a stolen one.
var ErrTooFewCustomers = errors.New("too few customers for so many attempts on so few seats")

// drawsPerWish bounds the search for a customer who has not asked for any of the seats yet.
const drawsPerWish = 64

// Wishes makes n attempts over the hall, as even as can be: the hall is cut into blocks again and again, so every
// seat is wanted equally often, and then all blocks are shuffled, so they collide from the first second on. Customers
// take turns. looks is the share of customers (0 to 1) who look at the map before their first attempt.
func Wishes(n int, joins []bool, customers int, looks float64, rng *rand.Rand) ([]Wish, error) {
	asked := make([][]Block, customers)
	wishes := make([]Wish, n)
	for i, b := range demand(n, joins, rng) {
		who, ok := draw(asked, i%customers, b, rng)
		if !ok {
			return nil, ErrTooFewCustomers
		}
		first := len(asked[who]) == 0
		asked[who] = append(asked[who], b)
		wishes[i] = Wish{Customer: who, Block: b, First: first, Look: first && rng.Float64() < looks}
	}
	return wishes, nil
}

func demand(n int, joins []bool, rng *rand.Rand) []Block {
	everySeat := make([]bool, len(joins))
	for i := range everySeat {
		everySeat[i] = true
	}
	shuffle := func(blocks []Block) {
		rng.Shuffle(len(blocks), func(i, j int) { blocks[i], blocks[j] = blocks[j], blocks[i] })
	}
	var all []Block
	for len(all) < n {
		blocks := Cut(everySeat, joins, rng)
		shuffle(blocks) // the last time not all of them fit
		all = append(all, blocks[:min(len(blocks), n-len(all))]...)
	}
	shuffle(all)
	return all
}

// draw prefers the customer whose turn it is.
func draw(asked [][]Block, turn int, b Block, rng *rand.Rand) (int, bool) {
	who := turn
	for range drawsPerWish {
		if !overlapsAny(asked[who], b) {
			return who, true
		}
		who = rng.IntN(len(asked))
	}
	return 0, false
}

func overlapsAny(blocks []Block, b Block) bool {
	for _, o := range blocks {
		if b.overlaps(o) {
			return true
		}
	}
	return false
}
