package ticketing

// What rooms hand each other about streams. Plain data, no behaviour.

// WriterID is random per activation. It tells two activations of one stream apart even when both wrote chunks of
// the same size.
type WriterID [16]byte

// Head is the last chunk of a stream: what the next chunk must name to be accepted.
type Head struct {
	From   uint64 // first seq of that chunk
	To     uint64 // last seq of that chunk
	Writer WriterID
}

// Chunk is the events of one stream in one commit.
type Chunk struct {
	From    uint64
	To      uint64
	Writer  WriterID
	Payload []byte // see codec.go
}

// Snapshot is a machine's whole state after seq, taken only when everything up to seq is durable.
type Snapshot struct {
	Stream  Stream
	Seq     uint64
	Head    Head // the chunk that ends at Seq
	Version int  // SnapshotVersion of the code that wrote it; another version is ignored, never migrated
	Hash    Hash // SHA-256 of State
	State   []byte
}

// History is all that is needed to bring a machine back: the newest sound snapshot, or none, and the chunks after it.
type History struct {
	Plan     *Plan     // of a round's stream: shared, read-only
	Snapshot *Snapshot // nil: Tail starts at seq 1
	Tail     []Chunk
	Head     Head // of the whole stream; zero when the stream does not exist
}

// Outcome is what became of an activation's appended events.
type Outcome int

const (
	// Committed: everything up to Commit.To is durable.
	Committed Outcome = iota
	// Fenced: another activation wrote first; nothing more of this one will ever be accepted.
	Fenced
	// Unknown: the commit may or may not have landed (connection lost, data error); reload to find out.
	Unknown
)

// Commit tells an activation about its events. After Fenced or Unknown the journal drops whatever the activation
// had appended and will append, and says nothing more.
type Commit struct {
	Writer  WriterID
	Outcome Outcome
	Head    Head // Committed: the chunk just written; Head.To is the last durable seq
}

// Delta is what changed in a round for the public since the delta before it. It gives the seats' final states, not
// every step on the way, so to take one in twice does no harm.
type Delta struct {
	Seq     uint64 // the last event taken in: the id a reader names to go on from here
	Phase   Phase
	Changes []SeatChange // ascending by seat, one per seat
}

// Frame is a piece of a round's live map, encoded once for all who watch it.
type Frame struct {
	Seq      uint64 // the last event in it
	Snapshot bool   // Data is the whole map, and what the reader knew before no longer counts; else a Delta
	Data     []byte // shared: read only
}

// Job is one piece of work outside the machine that committed events demand: a mail, a refund, a coupon's settlement.
// It is done by whoever registered its kind, after the events are durable, and again until it has succeeded.
type Job struct {
	Kind string // who does it: "payment_approve"
	Key  string // names the effect, once and for ever: "round:42@17", with more behind it when an event has several
	Args []byte // JSON for whoever does it; small, and with ids instead of copies
	At   Millis // not before; 0: as soon as the transaction has committed
}
