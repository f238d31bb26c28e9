package jobs

import (
	"testing"

	"ticketblue/ticketing"
)

// What a dead process was working on is worked at once by whoever knows that it is dead, and left alone by others.
func TestTakenUpAfterADeath(t *testing.T) {
	h := newHouse(t)
	h.enqueue(ticketing.Job{Kind: "note", Key: "k", Args: []byte(`{"n": 5}`)})
	left := func() (running int) {
		if err := h.pool.QueryRow(t.Context(), `SELECT count(*) FROM river_job WHERE state = 'running'`).Scan(&running); err != nil {
			t.Fatal(err)
		}
		return running
	}
	if _, err := h.pool.Exec(t.Context(), `UPDATE river_job SET state = 'running', attempt = 1, attempted_at = now(), attempted_by = '{dead}'`); err != nil {
		t.Fatal(err)
	}
	h.start(h.newJobs())
	if left() != 1 {
		t.Error("another node's work was taken away from it")
	}
	h.jobs.opts.Alone = true
	h.start(h.jobs)
	if got := number(t, h.next()); got != 5 || left() > 1 {
		t.Errorf("worked %d, %d still running", got, left())
	}
}
