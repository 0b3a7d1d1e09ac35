package jail

import "golang.org/x/sys/unix"

// machine is how the kernel names the numbers of this machine's system calls.
const machine = unix.AUDIT_ARCH_AARCH64

// machineCalls are those that not every machine has.
var machineCalls = []uint32{unix.SYS_NEWFSTATAT, unix.SYS_RENAMEAT}

// machineModes are those among them that give a file its mode.
var machineModes map[uint32]uint32

// machineWalled and its modes: arm64 has none of the old forms.
var (
	machineWalled      []uint32
	machineWalledModes map[uint32]uint32
)
