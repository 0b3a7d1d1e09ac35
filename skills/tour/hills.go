package tour

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"sync"
)

// hills draws the picture of the tour: a morning over three ranges of hills.
var hills = sync.OnceValue(func() []byte {
	const width, height = 360, 220
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	ranges := []struct {
		top, wave, pace float64
		tint            color.RGBA
	}{
		{120, 16, 0.021, color.RGBA{R: 120, G: 150, B: 160, A: 255}},
		{150, 20, 0.016, color.RGBA{R: 70, G: 118, B: 116, A: 255}},
		{184, 14, 0.026, color.RGBA{R: 27, G: 106, B: 96, A: 255}},
	}
	for x := range width {
		for y := range height {
			share := float64(y) / height
			c := color.RGBA{R: 250, G: uint8(196 + 50*share), B: uint8(140 + 90*share), A: 255}
			if math.Hypot(float64(x-250), float64(y-74)) < 26 {
				c = color.RGBA{R: 255, G: 244, B: 214, A: 255}
			}
			for i, r := range ranges {
				if float64(y) > r.top+r.wave*math.Sin(float64(x)*r.pace+float64(2*i)) {
					c = r.tint
				}
			}
			img.SetRGBA(x, y, c)
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		panic(err) // it was just drawn
	}
	return out.Bytes()
})
