package main

const (
	sysProcessVMReadv = 310
	sysMemfdCreate    = 319
	sysBPF            = 321
	sysUserfaultfd    = 323
)
