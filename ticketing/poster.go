package ticketing

import "strconv"

// Poster is the picture of a performance, in several widths. It never changes: another upload is another poster.
type Poster struct {
	Name      string `json:"name"`      // of this upload, unique: what its files' names begin with
	Extension string `json:"extension"` // jpg or png
	Widths    []int  `json:"widths"`    // pixels, ascending, at least one
}

// File is the name of the poster's file in one of its widths.
func (p Poster) File(width int) string {
	return p.Name + "-" + strconv.Itoa(width) + "." + p.Extension
}

// Files are the names of all its files.
func (p Poster) Files() []string {
	names := make([]string, len(p.Widths))
	for i, w := range p.Widths {
		names[i] = p.File(w)
	}
	return names
}
