package pictures

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"

	"ticketblue/ticketing"
)

func paint(w, h int, alpha uint8) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, color.NRGBA{uint8(255 * x / w), uint8(255 * y / h), 80, alpha})
		}
	}
	return m
}

func encoded(t *testing.T, write func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJPEG(t *testing.T, m image.Image) []byte {
	return encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, m, nil) })
}

func asPNG(t *testing.T, m image.Image) []byte {
	return encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, m) })
}

func TestWidths(t *testing.T) {
	for name, c := range map[string]struct {
		body        []byte
		contentType string
		sizes       []image.Point
	}{
		"large":       {asJPEG(t, paint(1300, 650, 255)), "image/jpeg", []image.Point{{320, 160}, {640, 320}, {1280, 640}}},
		"middle":      {asPNG(t, paint(700, 350, 255)), "image/jpeg", []image.Point{{320, 160}, {640, 320}}},
		"small":       {asPNG(t, paint(150, 200, 255)), "image/jpeg", []image.Point{{150, 200}}},
		"transparent": {asPNG(t, paint(400, 400, 100)), "image/png", []image.Point{{320, 320}}},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := NewMaker().Make(t.Context(), c.body)
			if err != nil {
				t.Fatal(err)
			}
			if set.ContentType != c.contentType || len(set.Pictures) != len(c.sizes) {
				t.Fatalf("%s, %d pictures", set.ContentType, len(set.Pictures))
			}
			for i, p := range set.Pictures {
				decoded, format, err := image.Decode(bytes.NewReader(p.Body))
				if err != nil {
					t.Fatal(err)
				}
				if got := decoded.Bounds().Size(); got != c.sizes[i] || p.Width != got.X || p.Height != got.Y || "image/"+format != c.contentType {
					t.Errorf("picture %d is %v %s, said to be %dx%d; want %v", i, got, format, p.Width, p.Height, c.sizes[i])
				}
				r, g, _, _ := decoded.At(p.Width-2, 1).RGBA() // red grows to the right, green downwards
				if r>>8 < 90 || g>>8 > 40 {
					t.Errorf("picture %d lost its colours: %d %d", i, r>>8, g>>8)
				}
			}
		})
	}
}

// What came with the picture stays behind.
func TestNothingButPixels(t *testing.T) {
	body := asJPEG(t, paint(400, 300, 255))
	secret := []byte("Exif\x00\x00 taken at 37.5N 127.0E <script>")
	segment := append([]byte{0xff, 0xe1, 0, byte(len(secret) + 2)}, secret...)
	body = append(append(append([]byte{}, body[:2]...), segment...), body[2:]...)
	body = append(body, "<?php trailing ?>"...)
	set, err := NewMaker().Make(t.Context(), body)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range set.Pictures {
		if bytes.Contains(p.Body, []byte("script")) || bytes.Contains(p.Body, []byte("php")) {
			t.Error("something of the file came through")
		}
	}
}

// bomb is a PNG of some bytes that claims to be huge.
func bomb(w, h uint32) []byte {
	header := binary.BigEndian.AppendUint32([]byte("IHDR"), w)
	header = append(binary.BigEndian.AppendUint32(header, h), 8, 2, 0, 0, 0)
	b := append([]byte("\x89PNG\r\n\x1a\n"), 0, 0, 0, 13)
	return binary.BigEndian.AppendUint32(append(b, header...), crc32.ChecksumIEEE(header))
}

func TestRefused(t *testing.T) {
	photo := asJPEG(t, paint(400, 300, 255))
	for name, body := range map[string][]byte{
		"nothing":         nil,
		"text":            []byte("<svg onload=alert(1)>"),
		"gif":             encoded(t, func(b *bytes.Buffer) error { return gif.Encode(b, paint(200, 200, 255), nil) }),
		"cut":             photo[:len(photo)/2],
		"too narrow":      asPNG(t, paint(99, 500, 255)),
		"too many pixels": bomb(6000, 4001),
		"overflow":        bomb(1<<31-1, 1<<31-1),
		"too large":       append(photo, make([]byte, MaxBytes)...),
	} {
		t.Run(name, func(t *testing.T) {
			var bad *ticketing.Invalid
			if _, err := NewMaker().Make(t.Context(), body); !errors.As(err, &bad) || bad.Field != Field {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestOneAtATime(t *testing.T) {
	m := NewMaker()
	m.turn <- struct{}{} // somebody else's
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Make(ctx, asPNG(t, paint(200, 200, 255))); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func FuzzMake(f *testing.F) {
	f.Add(bomb(200, 200))
	f.Add([]byte("RIFF\x00\x00\x00\x00WEBPVP8 "))
	m := NewMaker()
	f.Fuzz(func(t *testing.T, body []byte) {
		set, err := m.Make(t.Context(), body)
		if err == nil && len(set.Pictures) == 0 {
			t.Error("no pictures and no error")
		}
	})
}
