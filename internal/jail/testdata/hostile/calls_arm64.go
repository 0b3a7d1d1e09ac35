package main

const (
	sysProcessVMReadv = 270
	sysMemfdCreate    = 279
	sysBPF            = 280
	sysUserfaultfd    = 282
)
