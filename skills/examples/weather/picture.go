package main

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"slices"
)

// The size of the picture, in pixels.
const (
	width, height = 480, 200
	margin, gap   = 20, 8
)

var (
	sky  = color.RGBA{R: 0xf4, G: 0xf8, B: 0xfc, A: 0xff}
	cold = color.RGBA{R: 0x4f, G: 0x86, B: 0xc6, A: 0xff}
	warm = color.RGBA{R: 0xe8, G: 0x8d, B: 0x4a, A: 0xff}
)

// chart draws a column for each temperature, the warmest the highest, as a PNG.
func chart(temperatures []float64) []byte {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(img, img.Bounds(), image.NewUniform(sky), image.Point{}, draw.Src)
	low, high := slices.Min(temperatures), slices.Max(temperatures)
	span := max(high-low, 1)
	column := (width-2*margin+gap)/len(temperatures) - gap
	for i, t := range temperatures {
		share := (t - low) / span
		tall := margin + int(share*float64(height-3*margin))
		x, bottom := margin+i*(column+gap), height-margin
		draw.Draw(img, image.Rect(x, bottom-tall, x+column, bottom), image.NewUniform(between(cold, warm, share)), image.Point{}, draw.Src)
	}
	var out bytes.Buffer
	// A buffer takes all that is written, and the picture has a size that PNG knows.
	_ = png.Encode(&out, img)
	return out.Bytes()
}

// between mixes two colours: share 0 is the first, 1 the second.
func between(a, b color.RGBA, share float64) color.RGBA {
	mix := func(x, y uint8) uint8 { return uint8(float64(x) + share*(float64(y)-float64(x))) }
	return color.RGBA{R: mix(a.R, b.R), G: mix(a.G, b.G), B: mix(a.B, b.B), A: 0xff}
}
