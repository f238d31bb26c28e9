package typesense

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/typesense/typesense-go/v3/typesense/api"
	"github.com/typesense/typesense-go/v3/typesense/api/pointer"

	"ticketblue/search"
	"ticketblue/ticketing"
)

// field is a field of a collection that a filter or an order may name.
type field string

// The fields. Which texts a document is found by, and in which form, is ours to decide: a server's own way of cutting
// Korean into words differs by version and language, and counts typing errors in bytes.
const (
	fieldGrams      field = "grams"      // of all texts: every one, two and three characters that follow each other
	fieldNameGrams  field = "name_grams" // of the name alone
	fieldHeads      field = "heads"      // beginnings of the name, up to maxHead characters
	fieldPlain      field = "plain"      // the name without blanks: to be equal to, and to sort by
	fieldLetters    field = "letters"    // the name key by key, coded
	fieldInitials   field = "initials"   // first consonants of the name, coded
	fieldCategory   field = "category"
	fieldPerformers field = "performers"
	fieldHall       field = "hall"
	fieldFrom       field = "from_day" // 20261224
	fieldTo         field = "to_day"
	fieldMinPrice   field = "min_price"
	fieldMaxPrice   field = "max_price"
	fieldOnSale     field = "on_sale"
	fieldTitleGrams field = "title_grams" // of a reservation from here on, coded; of its performance
	fieldUserGrams  field = "user_grams"  // of its customer's name
	fieldUser       field = "user"
	fieldRound      field = "round"
	fieldNumber     field = "number"
	fieldStatus     field = "status"
	fieldHeldAt     field = "held_at"
	fieldAmount     field = "amount"
	fieldDocument   field = "document" // the whole, as JSON; kept, not searched
	fieldID         field = "id"
)

const (
	maxGram = 3  // characters: a word of so many is found by one comparison
	maxHead = 8  // characters
	maxTail = 24 // characters of a coded text: a server keeps 100 bytes of a word, and one character is 4

	korean = "ko"
)

// Days of what has none.
const (
	dayZero = 19000101
	dayEnd  = 29991231
)

// fields are the schema of a kind's collections.
func fields(kind ticketing.SearchKind) []api.Field {
	texts := func(name field) api.Field {
		return api.Field{Name: string(name), Type: "string[]", Locale: pointer.String(korean)}
	}
	number := func(name field, kind string) api.Field {
		return api.Field{Name: string(name), Type: kind, Sort: pointer.True()}
	}
	document := api.Field{Name: string(fieldDocument), Type: "string", Index: pointer.False(), Optional: pointer.True()}
	if kind == ticketing.FindReservations {
		return []api.Field{
			{Name: string(fieldTitleGrams), Type: "string[]"}, {Name: string(fieldUserGrams), Type: "string[]"},
			number(fieldUser, "int64"), number(fieldRound, "int64"), number(fieldNumber, "int64"), number(fieldStatus, "int32"),
			number(fieldHeldAt, "int64"), number(fieldAmount, "int64"), document,
		}
	}
	all := []api.Field{
		texts(fieldGrams), texts(fieldNameGrams), texts(fieldHeads),
		{Name: string(fieldPlain), Type: "string", Locale: pointer.String(korean), Sort: pointer.True()},
		{Name: string(fieldLetters), Type: "string"}, {Name: string(fieldInitials), Type: "string"},
		document,
	}
	if kind == ticketing.FindPerformances {
		all = append(all, api.Field{Name: string(fieldCategory), Type: "string", Facet: pointer.True()},
			api.Field{Name: string(fieldPerformers), Type: "int64[]"}, number(fieldHall, "int64"),
			number(fieldFrom, "int32"), number(fieldTo, "int32"), number(fieldMinPrice, "int64"), number(fieldMaxPrice, "int64"), number(fieldOnSale, "int32"))
	}
	return all
}

// onServer is a document as a collection keeps it.
func onServer(d ticketing.SearchDocument) (map[string]any, error) {
	body, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	if d.Kind == ticketing.FindReservations {
		return reservationOnServer(d, string(body))
	}
	var texts []string
	for _, f := range search.Found(d) {
		texts = append(texts, f.Text)
	}
	name := joined(d.Name)
	doc := map[string]any{
		string(fieldID): d.ID, string(fieldDocument): string(body),
		string(fieldGrams): grams(texts...), string(fieldNameGrams): grams(d.Name), string(fieldHeads): heads(name), string(fieldPlain): string(name),
		string(fieldLetters): coded(search.Letters(d.Name)), string(fieldInitials): coded(search.Initials(d.Name)),
	}
	if d.Kind == ticketing.FindPerformances {
		performers := []int64{}
		for _, p := range d.Performers {
			performers = append(performers, p.ID)
		}
		doc[string(fieldCategory)], doc[string(fieldPerformers)], doc[string(fieldHall)] = d.Category, performers, d.Hall.ID
		doc[string(fieldFrom)], doc[string(fieldTo)] = dayNumber(d.From, dayZero), dayNumber(d.To, dayEnd)
		doc[string(fieldMinPrice)], doc[string(fieldMaxPrice)] = int64(d.MinPrice), int64(d.MaxPrice)
		doc[string(fieldOnSale)] = 0
		if d.OnSale {
			doc[string(fieldOnSale)] = 1
		}
	}
	return doc, nil
}

// joined is a text without blanks, as words are looked for in it.
func joined(text string) []rune { return []rune(strings.ReplaceAll(search.Plain(text), " ", "")) }

// grams are all pieces of up to maxGram characters of texts, each once.
func grams(texts ...string) []string {
	all := []string{}
	for _, text := range texts {
		whole := joined(text)
		for i := range whole {
			for n := 1; n <= maxGram && i+n <= len(whole); n++ {
				all = append(all, string(whole[i:i+n]))
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func heads(name []rune) []string {
	all := []string{}
	for n := 1; n <= min(len(name), maxHead); n++ {
		all = append(all, string(name[:n]))
	}
	return all
}

// coded writes every character as four hexadecimal digits, so that a text is one word to any server, and what it
// begins with is what its code begins with.
func coded(text string) string {
	var b strings.Builder
	for i, r := range []rune(text) {
		if i == maxTail {
			break
		}
		r = min(r, 0xffff)
		b.WriteString(hex.EncodeToString([]byte{byte(r >> 8), byte(r)}))
	}
	return b.String()
}

func dayNumber(d ticketing.Day, none int) int {
	n, err := strconv.Atoi(strings.ReplaceAll(string(d), "-", ""))
	if err != nil {
		return none
	}
	return n
}
