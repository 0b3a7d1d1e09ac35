package world

// Public is public, for the test of addresses.
var Public = public
