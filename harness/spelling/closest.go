package spelling

import "strings"

// Closest gives the known word that a person may have meant by word, or "" when none is near: at most a third of
// its characters differ, or one is the beginning of the other.
func Closest(word string, known []string) string {
	word = strings.ToLower(word)
	best, distance := "", max(1, len(word)/3)+1
	for _, k := range known {
		if d := Edits(word, strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	if best != "" || len(word) < 3 {
		return best
	}
	for _, k := range known {
		if strings.HasPrefix(k, word) || len(k) >= 3 && strings.HasPrefix(word, k) {
			return k
		}
	}
	return ""
}

// Edits counts the insertions, deletions, replacements and swaps of neighbours that make a into b.
func Edits(a, b string) int {
	var before, last []int
	current := make([]int, len(b)+1)
	for j := range current {
		current[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, current = last, current, make([]int, len(b)+1)
		current[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			current[j] = min(replace, last[j]+1, current[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
	}
	return current[len(b)]
}
