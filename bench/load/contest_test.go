package load

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestAContestIsEvenFromTheBeginningToTheEnd(t *testing.T) {
	joins := make([]bool, 3000)
	for i := range joins {
		joins[i] = (i+1)%50 != 0
	}
	const conflicts = 0.9
	wishes, err := Contest{Least: 2, Conflicts: conflicts}.Wishes(joins, 3000, rand.New(rand.NewPCG(1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	first := map[Block]int{}
	asked := map[int][]Block{}
	again := 0
	for i, w := range wishes {
		if w.Block.Count < 2 || w.Block.Count > MaxSeats || w.Block.First+w.Block.Count > len(joins) {
			t.Fatalf("block %+v", w.Block)
		}
		for at := range w.Block.Count - 1 {
			if !joins[w.Block.First+at] {
				t.Fatalf("%+v is torn apart", w.Block)
			}
		}
		if overlapsAny(asked[w.Customer], w.Block) {
			t.Fatalf("customer %d asks twice for %+v", w.Customer, w.Block)
		}
		asked[w.Customer] = append(asked[w.Customer], w.Block)
		if _, known := first[w.Block]; known {
			again++
		} else {
			first[w.Block] = i
		}
		if i == len(wishes)/3 || i == len(wishes)-1 {
			if share := float64(again) / float64(i+1); math.Abs(share-conflicts) > 0.03 {
				t.Errorf("%.2f conflicts up to wish %d of %d", share, i, len(wishes))
			}
		}
	}
	var blocks []Block
	for b := range first {
		if overlapsAny(blocks, b) {
			t.Fatalf("%+v overlaps another", b)
		}
		blocks = append(blocks, b)
	}
	if _, err := (Contest{Least: 2}).Wishes(joins, len(first)/2, rand.New(rand.NewPCG(1, 1))); err == nil {
		t.Error("too few customers were enough")
	}
}

func TestWeaveKeepsTheOrderWithinAList(t *testing.T) {
	woven := Weave(rand.New(rand.NewPCG(1, 1)), []int{1, 2, 3, 4, 5}, []int{11, 12, 13, 14, 15}, nil)
	small := slices.DeleteFunc(slices.Clone(woven), func(n int) bool { return n > 10 })
	large := slices.DeleteFunc(slices.Clone(woven), func(n int) bool { return n < 10 })
	if len(woven) != 10 || !slices.IsSorted(small) || !slices.IsSorted(large) || slices.IsSorted(woven) {
		t.Error(woven)
	}
}
