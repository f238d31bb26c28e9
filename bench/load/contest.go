package load

import "math/rand/v2"

// Contest is how a round's seats are fought over.
type Contest struct {
	Least     int     // seats of the smallest party, 1 to MaxSeats
	Conflicts float64 // share of the attempts, 0 to below 1, for seats that somebody has asked for before
}

// behind is how many blocks a conflict stays behind the newest: their buyers have had their answers by then.
const behind = 16

// Wishes makes one round's attempts. Every block of the hall has one buyer, a customer of his own; what is wanted
// again, later and evenly among the rest, is wanted by customers who buy nothing. So the share of refusals is the same
// from the beginning to the end, however fast the server is. There must be more customers than blocks. Nobody asks twice
// for the same seat.
func (c Contest) Wishes(joins []bool, customers int, rng *rand.Rand) ([]Wish, error) {
	blocks := c.Blocks(joins, rng)
	others := customers - len(blocks)
	if others < 1 {
		return nil, ErrTooFewCustomers
	}
	type pair struct{ customer, block int }
	asked := map[pair]bool{}
	var wishes []Wish
	owed, next := 0.0, 0
	for i, b := range blocks {
		wishes = append(wishes, Wish{Customer: i, Block: b})
		for owed += c.Conflicts / (1 - c.Conflicts); owed >= 1 && i >= behind; owed-- {
			again := pair{len(blocks) + next%others, rng.IntN(i - behind + 1)}
			next++
			if asked[again] {
				continue
			}
			asked[again] = true
			wishes = append(wishes, Wish{Customer: again.customer, Block: blocks[again.block]})
		}
	}
	return wishes, nil
}

// Blocks cuts the whole hall into parties of Least to MaxSeats, in a random order. What is left at the end of a row and
// is too small for a party stays unsold.
func (c Contest) Blocks(joins []bool, rng *rand.Rand) []Block {
	var blocks []Block
	for first := 0; first < len(joins); {
		party := c.Least + rng.IntN(MaxSeats-c.Least+1)
		b := Block{First: first, Count: 1}
		for b.Count < party && b.First+b.Count < len(joins) && joins[b.First+b.Count-1] {
			b.Count++
		}
		first += b.Count
		if b.Count >= c.Least {
			blocks = append(blocks, b)
		}
	}
	rng.Shuffle(len(blocks), func(i, j int) { blocks[i], blocks[j] = blocks[j], blocks[i] })
	return blocks
}

// Weave shuffles lists into one and keeps the order within each.
func Weave[T any](rng *rand.Rand, lists ...[]T) []T {
	var turns []int
	for i, list := range lists {
		for range list {
			turns = append(turns, i)
		}
	}
	rng.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
	woven := make([]T, len(turns))
	taken := make([]int, len(lists))
	for at, i := range turns {
		woven[at] = lists[i][taken[i]]
		taken[i]++
	}
	return woven
}
