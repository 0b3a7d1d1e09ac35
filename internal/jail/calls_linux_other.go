//go:build linux && !amd64 && !arm64

package jail

// machine 0: nobody made a list for this one.
const machine = 0

var (
	plainCalls, machineCalls, walledCalls, machineWalled []uint32
	machineModes, walledModes, machineWalledModes        map[uint32]uint32
)
