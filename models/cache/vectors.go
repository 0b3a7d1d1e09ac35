package cache

import "math"

// steps is in how many parts a product is taken, to stop as soon as it cannot be large
// enough any more: most are that after two or three.
const steps = 16

// vector has length 1. Rest is the length of what is left of it behind each step.
type vector struct {
	at   []float32
	rest [steps]float32
}

// unit makes a vector; ok is false for one that has no direction.
func unit(from []float32) (v vector, ok bool) {
	sum := 0.0
	for _, x := range from {
		sum += float64(x) * float64(x)
	}
	if sum == 0 || math.IsNaN(sum) || math.IsInf(sum, 0) {
		return v, false
	}
	v.at = make([]float32, len(from))
	length := math.Sqrt(sum)
	for i, x := range from {
		v.at[i] = float32(float64(x) / length)
	}
	for s := range steps {
		rest := 0.0
		for _, x := range v.at[cut(len(v.at), s+1):] {
			rest += float64(x) * float64(x)
		}
		v.rest[s] = float32(math.Sqrt(rest))
	}
	return v, true
}

// cut is where step s begins in n numbers.
func cut(n, s int) int { return n * s / steps }

// table is vectors of n numbers each. Those of a step lie side by side, since of most
// vectors only the first steps are looked at.
type table struct {
	n     int
	parts [steps][]float32
	rests [][steps]float32
}

func (t *table) len() int { return len(t.rests) }

// add puts a vector at the end. All are as long as the first one.
func (t *table) add(v vector) {
	t.n = len(v.at)
	for s := range steps {
		t.parts[s] = append(t.parts[s], v.at[cut(t.n, s):cut(t.n, s+1)]...)
	}
	t.rests = append(t.rests, v.rest)
}

// remove puts the last vector in the place of one.
func (t *table) remove(i int) {
	last := len(t.rests) - 1
	for s := range steps {
		width := cut(t.n, s+1) - cut(t.n, s)
		copy(t.parts[s][i*width:(i+1)*width], t.parts[s][last*width:])
		t.parts[s] = t.parts[s][:last*width]
	}
	t.rests[i] = t.rests[last]
	t.rests = t.rests[:last]
}

// alike is how much alike v and vector i are, from -1 to 1; when that is below least,
// it may be -1.
func (t *table) alike(v vector, i int, least float32) float32 {
	// Sums of rounded numbers may be a little off.
	const margin = 1e-4
	sum := float32(0)
	rests := &t.rests[i]
	for s := range steps {
		from, until := cut(t.n, s), cut(t.n, s+1)
		width := until - from
		sum += dot(v.at[from:until], t.parts[s][i*width:(i+1)*width])
		if sum+v.rest[s]*rests[s] < least-margin {
			return -1
		}
	}
	return sum
}

// dot has four sums, which the processor adds up side by side.
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(a); i += 4 {
		x, y := a[i:i+4:i+4], b[i:i+4:i+4]
		s0 += x[0] * y[0]
		s1 += x[1] * y[1]
		s2 += x[2] * y[2]
		s3 += x[3] * y[3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}
