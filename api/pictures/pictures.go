// Package pictures makes uploaded pictures safe to show: whatever was uploaded is decoded and written anew, in the
// widths that pages need. What else was in the file (places, names, scripts) is left behind, also how a camera says
// that the picture lies on its side.
package pictures

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp" // read, never written

	"ticketblue/ticketing"
)

// Limits of an uploaded picture.
const (
	MaxBytes  = 10 << 20
	MaxPixels = 24_000_000 // decoded and being scaled they take some 300 MB, for one picture at a time
	MinWidth  = 100        // pixels; less is no poster
	quality   = 85         // of JPEG, of 100
)

// Widths are those that every picture is made in, in pixels, ascending; none is made wider than it was.
var Widths = []int{320, 640, 1280}

var formats = map[string]bool{"jpeg": true, "png": true, "webp": true}

// Field is what an error names.
const Field = "file"

// Picture is one width of an uploaded picture, ready to be served.
type Picture struct {
	Width, Height int
	Body          []byte
}

// Set is an uploaded picture in all its widths, ascending.
type Set struct {
	ContentType string // image/jpeg, or image/png when something is transparent
	Extension   string // jpg or png
	Pictures    []Picture
}

// Maker makes pictures, one at a time: a large one takes a second and much memory.
type Maker struct{ turn chan struct{} }

// NewMaker makes a Maker.
func NewMaker() *Maker { return &Maker{make(chan struct{}, 1)} }

// Make reads a JPEG, PNG or WebP and makes the set. What is no such picture, or too large, is a *ticketing.Invalid of
// Field. It waits for its turn until ctx ends.
func (m *Maker) Make(ctx context.Context, body []byte) (Set, error) {
	if err := check(body); err != nil {
		return Set{}, err
	}
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return Set{}, ctx.Err()
	}
	decoded, _, err := image.Decode(bytes.NewReader(body))
	if err != nil {
		return Set{}, invalid("a picture that can be read: it is damaged")
	}
	return encode(decoded)
}

func invalid(format string, args ...any) error {
	return &ticketing.Invalid{Field: Field, Want: fmt.Sprintf(format, args...)}
}

// check looks at the first bytes only: a small file can claim to be a picture of a million square meters.
func check(body []byte) error {
	if len(body) > MaxBytes {
		return invalid("at most %d MB", MaxBytes>>20)
	}
	config, format, err := image.DecodeConfig(bytes.NewReader(body))
	switch {
	case err != nil, !formats[format]: // another package may have taught image more than we want
		return invalid("a JPEG, PNG or WebP picture")
	case config.Width < MinWidth || config.Height < MinWidth:
		return invalid("at least %d pixels wide and high", MinWidth)
	case config.Width > MaxPixels/config.Height: // the product may not fit
		return invalid("at most %d million pixels", MaxPixels/1_000_000)
	}
	return nil
}

// encode goes from the widest to the narrowest, each made from the one before.
func encode(from image.Image) (Set, error) {
	opaque := isOpaque(from)
	set := Set{ContentType: "image/jpeg", Extension: "jpg"}
	if !opaque {
		set.ContentType, set.Extension = "image/png", "png"
	}
	for _, width := range wanted(from.Bounds().Dx()) {
		from = scale(from, width)
		var out bytes.Buffer
		var err error
		if opaque {
			err = jpeg.Encode(&out, from, &jpeg.Options{Quality: quality})
		} else {
			err = png.Encode(&out, from)
		}
		if err != nil {
			return Set{}, fmt.Errorf("encoding a picture of width %d: %w", width, err)
		}
		set.Pictures = append([]Picture{{width, from.Bounds().Dy(), out.Bytes()}}, set.Pictures...)
	}
	return set, nil
}

// wanted are the widths to make of a picture that wide, descending.
func wanted(width int) (widths []int) {
	for i := len(Widths) - 1; i >= 0; i-- {
		if Widths[i] <= width {
			widths = append(widths, Widths[i])
		}
	}
	if len(widths) == 0 {
		widths = []int{width}
	}
	return widths
}

func scale(from image.Image, width int) image.Image {
	b := from.Bounds()
	to := image.NewNRGBA(image.Rect(0, 0, width, max(1, b.Dy()*width/b.Dx())))
	draw.CatmullRom.Scale(to, to.Rect, from, b, draw.Src, nil)
	return to
}

func isOpaque(i image.Image) bool {
	known, ok := i.(interface{ Opaque() bool })
	return ok && known.Opaque()
}
