package simulator

import (
	"cmp"
	"slices"
	"unicode/utf16"
)

// javaHash is java.lang.String.hashCode.
func javaHash(s string) uint32 {
	var h uint32
	ascii := true
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			ascii = false
			break
		}
		h = 31*h + uint32(s[i])
	}
	if ascii {
		return h
	}
	h = 0
	for _, u := range utf16.Encode([]rune(s)) {
		h = 31*h + uint32(u)
	}
	return h
}

// javaOrder sorts items in the order of a java.util.HashMap to which they were added one after the other.
//
// OpenAM returns its hash maps in this order: answers of logoutByHandle, whitelists, lists of users.
func javaOrder[T any](items []T, key func(T) string) []T {
	buckets := uint32(16)
	for len(items)*4 > int(buckets)*3 {
		buckets *= 2
	}
	type placed struct {
		bucket uint32
		at     int
	}
	all := make([]placed, len(items))
	for i, item := range items {
		h := javaHash(key(item))
		all[i] = placed{(h ^ h>>16) & (buckets - 1), i}
	}
	slices.SortFunc(all, func(a, b placed) int { return cmp.Or(int(a.bucket)-int(b.bucket), a.at-b.at) })
	sorted := make([]T, len(items))
	for i := range all {
		sorted[i] = items[all[i].at]
	}
	return sorted
}

func javaStrings(items []string) []string {
	return javaOrder(items, func(s string) string { return s })
}

// mix is one step of splitmix64. It is a bijection, so numbered sessions never share a key.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
