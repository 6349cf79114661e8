/*
 * publish.pml - how maple publishes, as a model for spin (make spin)
 *
 *	root ─▶ inner ─▶ leaf of key 0        a leaf is written in two halves; both
 *	             └─▶ leaf of key 1        hold the number of its last edit
 *
 * The writer edits one key (a new leaf, one pointer of the inner node is swapped)
 * or both at once (two new leaves and a new inner node, the root is swapped); then
 * the old nodes wait for a grace period and are used again.  Readers find key 0,
 * then key 1, in a read section.  Every interleaving of their loads and stores is
 * tried, and asserted:
 *
 *	- what a reader is on has not been freed, and is written to its end;
 *	- an answer is no older than what was done when it was asked for, and no newer
 *	  than what was begun when it was told;
 *	- who has seen an edit at key 0 sees it at key 1 too.
 *
 * Stores of one thread are in order here, as release and acquire make them be as
 * far as it counts.  The broken twins, each of which must fail:
 * -DUNFILLED (a pointer goes in front of what it points to), -DNO_GRACE (old nodes
 * are used again at once), -DTWO_STEPS (both keys by two swaps).
 */
#define READERS 2
#define FINDS 2  /* sections of each reader */
#define EDITS 3
#define LEAVES 4 /* two in the tree, two that come */
#define INNERS 2
#define FREED 255

typedef leaf_node { byte half[2]; bool live };
typedef inner_node { byte kid[2]; bool live };

leaf_node leaf[LEAVES];
inner_node inner[INNERS];
byte root;
byte begun, done[2];            /* edits; done: the last one of each key */
byte both[EDITS + 1];           /* of edit e: the last one up to it that has changed key 1 */
bool reading[READERS];
byte sections[READERS];

inline new_leaf(l)
{
	l = 0;
	do
	:: leaf[l].live -> l++; assert(l < LEAVES)
	:: else -> break
	od;
	leaf[l].live = true
}

inline fill(l)
{
	leaf[l].half[0] = begun;
	leaf[l].half[1] = begun
}

inline free_leaf(l)
{
	atomic { leaf[l].live = false; leaf[l].half[0] = FREED; leaf[l].half[1] = FREED }
}

inline grace_period()
{
#ifdef NO_GRACE
	skip
#else
	r = 0;
	do
	:: r < READERS ->
		seen = sections[r];
		!reading[r] || sections[r] != seen;
		r++
	:: else -> break
	od
#endif
}

inline edit_one(k)
{
	atomic { begun++; both[begun] = (k == 1 -> begun : both[begun - 1]); new_leaf(a) }
	old = inner[root].kid[k];
#ifdef UNFILLED
	inner[root].kid[k] = a;
	fill(a);
#else
	fill(a);
	inner[root].kid[k] = a;
#endif
	done[k] = begun;
	grace_period();
	free_leaf(old)
}

inline edit_both()
{
	atomic { begun++; both[begun] = begun; new_leaf(a); new_leaf(b); p = 1 - root }
	fill(a);
	fill(b);
	old = inner[root].kid[0];
	old1 = inner[root].kid[1];
#ifdef TWO_STEPS
	inner[root].kid[0] = a;
	inner[root].kid[1] = b;
	d_step { done[0] = begun; done[1] = begun }
	grace_period();
#else
	inner[p].kid[0] = a;
	inner[p].kid[1] = b;
	inner[p].live = true;
	root = p;
	d_step { done[0] = begun; done[1] = begun }
	grace_period();
	atomic { inner[1 - p].live = false; inner[1 - p].kid[0] = 0; inner[1 - p].kid[1] = 0 }
#endif
	free_leaf(old);
	free_leaf(old1)
}

proctype writer()
{
	byte a, b, p, old, old1, r, seen;

	do
	:: begun < EDITS -> edit_one(0)
	:: begun < EDITS -> edit_one(1)
	:: begun < EDITS -> edit_both()
	:: begun == EDITS -> break
	od
}

inline find(k, v)
{
	from = done[k];
	n = root;
	assert(inner[n].live);
	l = inner[n].kid[k];
	assert(leaf[l].live);
	v = leaf[l].half[0];
	assert(leaf[l].half[1] == v);
	assert(leaf[l].live);
	assert(from <= v && v <= begun)
}

proctype reader(byte me)
{
	byte n, l, from, i, v0, v1;

	do
	:: i < FINDS ->
		atomic { reading[me] = true; sections[me]++ }
		find(0, v0);
		find(1, v1);
		assert(v1 >= both[v0]);
		d_step { reading[me] = false; n = 0; l = 0; from = 0; v0 = 0; v1 = 0 }
		i++
	:: else -> break
	od
}

init {
	d_step {
		leaf[0].live = true;
		leaf[1].live = true;
		inner[0].live = true;
		inner[0].kid[1] = 1
	}
	byte i;
	atomic {
		run writer();
		do
		:: i < READERS -> run reader(i); i++
		:: else -> break
		od
	}
}
