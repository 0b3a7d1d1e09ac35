package admission

// band is the items of one Band, by tenant, and the rounds in which tenants take
// their turns.
type band struct {
	tenants map[string]*tenant
	// now holds who has something left in this round: deficit above 0 and items. next
	// holds who waits for a round that it can pay: those who came during this one,
	// who used theirs up, and who left but may still owe.
	now, next ring
	items     int
}

// tenant is whom a band is fair to.
type tenant struct {
	name        string
	first, last *Item
	items       int
	// deficit is what is left of its rounds so far; negative is owed.
	deficit    int
	in         *ring
	prev, succ *tenant
}

// push puts an item at the end of its tenant's. Who comes anew waits for the next
// round, or a stream of newcomers would make this one endless.
func (b *band) push(it *Item) {
	t, ok := b.tenants[it.Tenant]
	if !ok {
		t = &tenant{name: it.Tenant}
		b.tenants[it.Tenant] = t
		b.next.add(t)
	}
	if t.items == 0 {
		// Behind those who waited while it had nothing to ask.
		b.next.move(t)
	}
	it.in, it.prev = t, t.last
	if t.last == nil {
		t.first = it
	} else {
		t.last.next = it
	}
	t.last = it
	t.items++
	b.items++
}

// remove takes an item out. A tenant without items loses what it has left, but not
// what it owes.
func (b *band) remove(it *Item) {
	t := it.in
	if it.prev == nil {
		t.first = it.next
	} else {
		it.prev.next = it.next
	}
	if it.next == nil {
		t.last = it.prev
	} else {
		it.next.prev = it.prev
	}
	it.in, it.prev, it.next = nil, nil, nil
	t.items--
	b.items--
	if t.items == 0 {
		t.deficit = min(t.deficit, 0)
		b.next.move(t)
	}
}

func (b *band) pull(fit func(*Item) (float64, bool)) *Item {
	if b.items == 0 {
		return nil
	}
	it := b.choose(fit)
	if it == nil {
		if !b.turn(fit) {
			return nil
		}
		if it = b.choose(fit); it == nil {
			// What fitted a moment ago does not any more.
			return nil
		}
	}
	// First what it used, so that a tenant's last item is paid from its round too.
	b.settle(it.in, it.cost)
	b.remove(it)
	return it
}

// settle takes what a tenant used from its rounds.
func (b *band) settle(t *tenant, used int) {
	t.deficit = min(t.deficit-used, quantum)
	if t.deficit <= 0 && t.in == &b.now {
		b.next.move(t)
	}
}

// choose gives the item of this round that costs least, or the first one that was
// passed over too often; nil when none fits.
func (b *band) choose(fit func(*Item) (float64, bool)) *Item {
	var best *Item
	var least float64
	var passed [lookAhead]*Item
	seen := 0
	ahead := 0
search:
	for t := b.now.first; t != nil; t = t.succ {
		for it := t.first; it != nil; it = it.next {
			cost, ok := fit(it)
			if !ok {
				continue
			}
			passed[seen] = it
			seen++
			if it.skipped >= maxSkips {
				best, ahead = it, seen-1
				break search
			}
			if best == nil || cost < least {
				best, least, ahead = it, cost, seen-1
			}
			if seen == lookAhead {
				break search
			}
		}
	}
	for _, it := range passed[:ahead] {
		it.skipped++
	}
	return best
}

// turn begins the next round, or the first one after it in which a tenant whose items
// fit has something to use up. It gives false, and changes nothing, when none fits.
func (b *band) turn(fit func(*Item) (float64, bool)) bool {
	for rounds := b.after(0); rounds > 0; rounds = b.after(rounds) {
		for t := b.next.first; t != nil; t = t.succ {
			if t.items > 0 && t.owes() == rounds && t.fits(fit) {
				b.advance(rounds)
				return true
			}
		}
	}
	return false
}

// after gives the least number of rounds above rounds after which a tenant can use
// something up; 0 for none.
func (b *band) after(rounds int) int {
	least := 0
	for t := b.next.first; t != nil; t = t.succ {
		if owes := t.owes(); t.items > 0 && owes > rounds && (least == 0 || owes < least) {
			least = owes
		}
	}
	return least
}

// advance gives everybody what rounds give, and forgets who left and owes nothing.
// Nobody saves up: who cannot use a round has no two in the next.
func (b *band) advance(rounds int) {
	for t := b.now.first; t != nil; t = t.succ {
		t.deficit = quantum
	}
	for t := b.next.first; t != nil; {
		succ := t.succ
		t.deficit = min(t.deficit+rounds*quantum, quantum)
		switch {
		case t.deficit <= 0:
		case t.items == 0:
			b.forget(t)
		default:
			b.now.move(t)
		}
		t = succ
	}
}

// forget drops a tenant that neither waits nor owes. One whose item was pulled is
// kept to the end of the round, for what the item really cost.
func (b *band) forget(t *tenant) {
	if t.items == 0 && t.deficit >= 0 {
		t.in.remove(t)
		delete(b.tenants, t.name)
	}
}

// before is how many items of the band go before this one, taking turns.
func (b *band) before(it *Item) int {
	behind := 0
	for p := it.prev; p != nil; p = p.prev {
		behind++
	}
	place, met := behind, false
	for _, r := range []*ring{&b.now, &b.next} {
		for t := r.first; t != nil; t = t.succ {
			switch {
			case t == it.in:
				met = true
			case met:
				place += min(t.items, behind)
			default:
				place += min(t.items, behind+1)
			}
		}
	}
	return place
}

// owes is how many rounds it takes until the tenant can use something up, at least 1.
func (t *tenant) owes() int {
	if t.deficit > 0 {
		return 1
	}
	return -t.deficit/quantum + 1
}

func (t *tenant) fits(fit func(*Item) (float64, bool)) bool {
	for it := t.first; it != nil; it = it.next {
		if _, ok := fit(it); ok {
			return true
		}
	}
	return false
}

// ring is tenants in the order of their turns. A tenant is in one at a time.
type ring struct{ first, last *tenant }

func (r *ring) add(t *tenant) {
	t.in, t.prev, t.succ = r, r.last, nil
	if r.last == nil {
		r.first = t
	} else {
		r.last.succ = t
	}
	r.last = t
}

func (r *ring) remove(t *tenant) {
	if t.prev == nil {
		r.first = t.succ
	} else {
		t.prev.succ = t.succ
	}
	if t.succ == nil {
		r.last = t.prev
	} else {
		t.succ.prev = t.prev
	}
	t.in, t.prev, t.succ = nil, nil, nil
}

// move takes a tenant from where it is to the end of r.
func (r *ring) move(t *tenant) {
	t.in.remove(t)
	r.add(t)
}
