/*
 * escape - names of strangers in what is written (see escape.h)
 */
#include "base/escape.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static char *escape_room(void)
{
	static _Thread_local char kept[ESCAPE_KEPT][ESCAPE_SIZE];
	static _Thread_local unsigned next;

	return kept[next++ % ESCAPE_KEPT];
}

/* How many bytes the character at c takes by the rules of UTF-8, 0 if there is none. */
static unsigned escape_length(const unsigned char *c, unsigned long *code)
{
	static const unsigned long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned n = *c < 0x80   ? 1
		     : *c < 0xc0 ? 0
		     : *c < 0xe0 ? 2
		     : *c < 0xf0 ? 3
		     : *c < 0xf8 ? 4
				 : 0;

	*code = n < 2 ? *c : *c & (0x7fu >> n);
	for (unsigned i = 1; i < n; i++) {
		if ((c[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (c[i] & 0x3f);
	}
	if (!n || *code < least[n] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000))
		return 0;
	return n;
}

/* Whether a character is shown, and does nothing but that. */
static bool escape_shown(unsigned long code)
{
	static const unsigned long not [][2] = {
		{ 0, 0x1f },        { 0x7f, 0x9f },       { 0xad, 0xad },     { 0x61c, 0x61c },
		{ 0x200b, 0x200f }, { 0x2028, 0x202e },   { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
		{ 0xfff0, 0xfffb }, { 0xe0000, 0xe0fff },
	};

	for (size_t i = 0; i < sizeof(not ) / sizeof(not [0]); i++) {
		if (code >= not [i][0] && code <= not [i][1])
			return false;
	}
	return true;
}

/* The bytes at name that stay as they are: one character; 0, the first of them is escaped. */
static unsigned escape_plain(const char *name, const char *also)
{
	unsigned long code;
	unsigned n = escape_length((const unsigned char *)name, &code);

	return n && escape_shown(code) && !(n == 1 && strchr(also, *name)) ? n : 0;
}

/* Writes the next piece of a name to at and steps over it; at has room for 4 bytes and a 0. */
static void escape_piece(char *at, const char **name, const char *also)
{
	unsigned n = escape_plain(*name, also);

	if (n)
		snprintf(at, 5, "%.*s", (int)n, *name);
	else
		snprintf(at, 5, "\\x%02x", (unsigned char)**name);
	*name += n ? n : 1;
}

void escape_text_to(FILE *out, const char *name, const char *also)
{
	char piece[5];

	while (*name) {
		escape_piece(piece, &name, also);
		fputs(piece, out);
	}
}

/* Adds a piece, or "..." if there is no room for more; false then. */
static bool escape_add(char *text, size_t *len, const char *piece)
{
	size_t more = strlen(piece);
	bool fits = *len + more + sizeof("...") <= ESCAPE_SIZE;

	strcpy(text + *len, fits ? piece : "...");
	*len += more;
	return fits;
}

const char *escape_text(const char *name)
{
	char *text = escape_room(), piece[5];
	size_t len = 0;

	*text = 0;
	do {
		if (!*name)
			return text;
		escape_piece(piece, &name, "");
	} while (escape_add(text, &len, piece));
	return text;
}

/* Whether Markdown could take the character at c, of a name that begins there, for a mark. */
static bool escape_is_mark(const char *name, const char *c)
{
	bool in_word = c > name && isalnum((unsigned char)c[-1]) && isalnum((unsigned char)c[1]);

	if (*c == '_')
		return !in_word;
	if (*c == ':')
		return c[1] == '/';
	return strchr("\\`*[]<>&|~!#$@", *c) != NULL;
}

const char *escape_markdown(const char *name)
{
	const char *begin = name;
	char *text = escape_room(), piece[5];
	size_t len = 0;
	bool mark;

	*text = 0;
	do {
		if (!*name)
			return text;
		mark = escape_is_mark(begin, name) || !escape_plain(name, "");
		escape_piece(piece, &name, "");
	} while ((!mark || escape_add(text, &len, "\\")) && escape_add(text, &len, piece));
	return text;
}

const char *escape_gnuplot(const char *name)
{
	char *text = escape_room();
	size_t i = 0;

	for (; name[i] && i < 100; i++) {
		bool stays = name[i] > 0 && isalnum((unsigned char)name[i]);

		text[i] = stays || strchr(i ? ".+-_" : "+_", name[i]) ? name[i] : '-';
	}
	strcpy(text + i, i ? "" : "-");
	return text;
}
