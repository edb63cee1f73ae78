// SPDX-License-Identifier: Apache-2.0

package chaos

// mersenne is std::mt19937_64, from which the event plan is drawn.
type mersenne struct {
	state [312]uint64
	index int
}

func newMersenne(seed uint64) *mersenne {
	m := &mersenne{index: 312}
	m.state[0] = seed
	for i := 1; i < len(m.state); i++ {
		before := m.state[i-1]
		m.state[i] = 6364136223846793005*(before^before>>62) + uint64(i)
	}
	return m
}

func (m *mersenne) next() uint64 {
	if m.index == len(m.state) {
		m.twist()
	}
	x := m.state[m.index]
	m.index++
	x ^= x >> 29 & 0x5555555555555555
	x ^= x << 17 & 0x71d67fffeda60000
	x ^= x << 37 & 0xfff7eee000000000
	return x ^ x>>43
}

func (m *mersenne) twist() {
	const upper, lower = 0xffffffff80000000, 0x7fffffff
	n := len(m.state)
	for i := range m.state {
		x := m.state[i]&upper | m.state[(i+1)%n]&lower
		next := m.state[(i+156)%n] ^ x>>1
		if x&1 == 1 {
			next ^= 0xb5026f5aa96619e9
		}
		m.state[i] = next
	}
	m.index = 0
}
