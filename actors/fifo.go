package actors

// fifo is a queue that keeps its memory.
type fifo[T any] struct {
	items []T
	first int
}

func (q *fifo[T]) len() int  { return len(q.items) - q.first }
func (q *fifo[T]) push(v T)  { q.items = append(q.items, v) }
func (q *fifo[T]) front() *T { return &q.items[q.first] }

func (q *fifo[T]) pop() T {
	var none T
	v := q.items[q.first]
	q.items[q.first] = none // let go of what it points to
	q.first++
	return v
}

// take is pop, for a queue of which nobody holds a front.
func (q *fifo[T]) take() T {
	v := q.pop()
	q.compact()
	return v
}

// compact gives popped room back once it is the larger part, so that each item moves at most once.
func (q *fifo[T]) compact() {
	if q.first*2 < len(q.items) {
		return
	}
	n := copy(q.items, q.items[q.first:])
	clear(q.items[n:])
	q.items, q.first = q.items[:n], 0
}
