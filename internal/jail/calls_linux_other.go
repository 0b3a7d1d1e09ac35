//go:build linux && !amd64 && !arm64

package jail

// machine 0: nobody made a list for this one.
const machine = 0

var plainCalls, machineCalls []uint32

var machineModes map[uint32]uint32
