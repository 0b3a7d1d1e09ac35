package redisc

// leaseKey is a lease: a hash of h holder, n node, t token, which expires.
func leaseKey(prefix, name string) string { return prefix + ":lease:{" + name + "}" }

// keptKey is what stays of a lease's name: a hash of t last token, s state. It expires a
// month after the last holder.
func keptKey(prefix, name string) string { return prefix + ":kept:{" + name + "}" }

// freedChannel is where names of leases are published that were given back.
func freedChannel(prefix string) string { return prefix + ":freed" }
