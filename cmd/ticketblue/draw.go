package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
)

// Posters of the demo are drawn, not shipped: a sky of two colours, with discs, rings and beams of light on it. The
// title stands beside a poster wherever it is shown, so there are no letters in it.

const (
	posterWidth, posterHeight = 640, 854 // pixels
	posterShapes              = 7
)

// rgb is a colour of light, each part from 0 to 1.
type rgb [3]float64

func (c rgb) toward(other rgb, share float64) rgb {
	for i := range c {
		c[i] += (other[i] - c[i]) * share
	}
	return c
}

// shape covers a share of each place on the poster, from 0 to 1.
type shape struct {
	paint rgb
	cover func(x, y float64) float64
}

// drawPoster draws the same picture for the same number, as a PNG file.
func drawPoster(number uint64) ([]byte, error) {
	chance := rand.New(rand.NewPCG(number, 0x7469636b6574))
	hue := math.Mod(0.6+float64(number)*0.618, 1) // the golden ratio keeps neighbours apart
	top, bottom := hued(hue, 0.55), hued(hue+0.08, 0.12)
	shapes := make([]shape, posterShapes)
	for i := range shapes {
		shapes[i] = randomShape(chance, hue)
	}
	picture := image.NewNRGBA(image.Rect(0, 0, posterWidth, posterHeight))
	for y := range posterHeight {
		sky := top.toward(bottom, float64(y)/posterHeight)
		for x := range posterWidth {
			c := sky
			for _, s := range shapes {
				if share := s.cover(float64(x), float64(y)); share > 0 {
					c = c.toward(s.paint, share)
				}
			}
			picture.SetNRGBA(x, y, color.NRGBA{uint8(c[0] * 255), uint8(c[1] * 255), uint8(c[2] * 255), 255})
		}
	}
	var out bytes.Buffer
	fast := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := fast.Encode(&out, picture); err != nil {
		return nil, fmt.Errorf("drawing a poster: %w", err)
	}
	return out.Bytes(), nil
}

// randomShape is a disc, a ring, or a beam from above.
func randomShape(chance *rand.Rand, hue float64) shape {
	x, y := chance.Float64()*posterWidth, chance.Float64()*posterHeight
	size := 60 + chance.Float64()*200
	s := shape{paint: hued(hue+0.5*chance.Float64(), 0.9)}
	strength := 0.25 + 0.5*chance.Float64()
	switch chance.IntN(3) {
	case 0:
		s.cover = func(px, py float64) float64 { return strength * edge(size-math.Hypot(px-x, py-y)) }
	case 1:
		s.cover = func(px, py float64) float64 { return strength * edge(size/6-math.Abs(math.Hypot(px-x, py-y)-size)) }
	default:
		slope := chance.Float64() - 0.5
		s.cover = func(px, py float64) float64 { return strength / 2 * edge(20+py/8-math.Abs(px-x-py*slope)) }
	}
	return s
}

// edge is 1 inside and 0 outside, with a soft pixel between.
func edge(inside float64) float64 { return max(0, min(1, inside)) }

// hued is a colour by its place on the wheel, from 0 to 1, and its brightness.
func hued(hue, light float64) (c rgb) {
	for i := range c {
		c[i] = light * (0.55 + 0.45*math.Cos(2*math.Pi*(hue-float64(i)/3)))
	}
	return c
}
