package access

import "strings"

// foldID returns what is equal for ids that differ only in case, surrounding space
// or Unicode form: a person takes them for the same.
func foldID(id string) string {
	return strings.ToLower(decompose(strings.TrimSpace(id)))
}

// decompose splits the letters of western European names into a letter and its
// accents, as some systems store them.
func decompose(s string) string {
	var b strings.Builder
	for _, r := range s {
		if i := strings.IndexRune(composed, r); r > 0x7f && i >= 0 {
			i = strings.Count(composed[:i], "") - 1 // runes before it
			b.WriteString(decomposed[i])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

const composed = "ÀÁÂÃÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÕÖÙÚÛÜÝàáâãäåçèéêëìíîïñòóôõöùúûüýÿĆćČčĎďĘęĚěĞğĹĺĽľŃńŇňŐőŔŕŘřŚśŞşŠšŤťŮůŰűŹźŻżŽž"

// decomposed are the letters of composed, one by one.
var decomposed = strings.Fields("A\u0300 A\u0301 A\u0302 A\u0303 A\u0308 A\u030a C\u0327 E\u0300 E\u0301 E\u0302 E\u0308 I\u0300 I\u0301 I\u0302 I\u0308 " +
	"N\u0303 O\u0300 O\u0301 O\u0302 O\u0303 O\u0308 U\u0300 U\u0301 U\u0302 U\u0308 Y\u0301 " +
	"a\u0300 a\u0301 a\u0302 a\u0303 a\u0308 a\u030a c\u0327 e\u0300 e\u0301 e\u0302 e\u0308 i\u0300 i\u0301 i\u0302 i\u0308 " +
	"n\u0303 o\u0300 o\u0301 o\u0302 o\u0303 o\u0308 u\u0300 u\u0301 u\u0302 u\u0308 y\u0301 y\u0308 " +
	"C\u0301 c\u0301 C\u030c c\u030c D\u030c d\u030c E\u0328 e\u0328 E\u030c e\u030c G\u0306 g\u0306 L\u0301 l\u0301 L\u030c l\u030c " +
	"N\u0301 n\u0301 N\u030c n\u030c O\u030b o\u030b R\u0301 r\u0301 R\u030c r\u030c S\u0301 s\u0301 S\u0327 s\u0327 S\u030c s\u030c " +
	"T\u030c t\u030c U\u030a u\u030a U\u030b u\u030b Z\u0301 z\u0301 Z\u0307 z\u0307 Z\u030c z\u030c")
