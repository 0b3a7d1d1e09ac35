package models

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Amount is money, in millionths of the configured currency: whole numbers, so that sums
// are exact. It is spelled as a decimal number with up to six decimals.
type Amount int64

// unitAmount is one of the currency.
const unitAmount = 1_000_000

var errAmount = errors.New("must be an amount of money of 0 or more with up to six decimals, such as 0.10")

// UnmarshalText reads a decimal number. Nothing is rounded: what cannot be kept exactly is
// an error.
func (a *Amount) UnmarshalText(text []byte) error {
	whole, part, dotted := strings.Cut(string(text), ".")
	if dotted && part == "" || len(part) > 6 || strings.Trim(whole+part, "0123456789") != "" {
		return errAmount
	}
	units, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || units > math.MaxInt64/unitAmount-1 {
		return errAmount
	}
	millionths := int64(0)
	if dotted {
		if millionths, err = strconv.ParseInt(part+strings.Repeat("0", 6-len(part)), 10, 64); err != nil {
			return errAmount
		}
	}
	*a = Amount(units*unitAmount + millionths)
	return nil
}

// String spells the amount without needless zeros.
func (a Amount) String() string {
	sign, n := "", uint64(a)
	if a < 0 {
		sign, n = "-", -n
	}
	out := sign + strconv.FormatUint(n/unitAmount, 10)
	if part := n % unitAmount; part > 0 {
		digits := strconv.FormatUint(unitAmount+part, 10)[1:]
		out += "." + strings.TrimRight(digits, "0")
	}
	return out
}

// MarshalText spells the amount as UnmarshalText reads it.
func (a Amount) MarshalText() ([]byte, error) { return []byte(a.String()), nil }
