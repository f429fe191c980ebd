// The search page: it takes the words from the address or from its field, and shows the
// sections that have most of them. What a query needs of the index comes with it.

const stemmer = new EnglishStemmer();
const field = document.getElementById("search-words");
const status = document.getElementById("search-status");
const list = document.getElementById("search-results");
const examples = document.getElementById("search-examples");
const SHOWN = 12;
// Addresses in the index begin at the root of the site. So does the search page; a lost
// address may lie anywhere.
const lost = document.getElementById("not-found");
const root = new URL("../../", new URL(list.dataset.index, window.location.href));

// Cut text into what is looked for; `terms` in the extension does the same.
function terms(text) {
  const found = [];
  for (const word of text.match(/[\p{L}\p{N}_]+/gu) ?? []) {
    const ascii = /^[\x00-\x7f]*$/.test(word);
    const parts = (ascii && word.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g)) || [];
    for (const part of new Set([word, ...parts])) {
      const small = part.toLowerCase();
      const common = stopwords.has(small);
      if (small.length > 1 && /\D/.test(small) && !common) {
        found.push(stemmer.stemWord(small));
      }
    }
  }
  return found;
}

// What the index's scripts say when they are loaded: see `packed` in the extension.

const FIELDS = { title: 0, text: 1, page: 2 };
const sections = [];
const pages = [];
// From the name of a shelf to its words, and from a word to what has it.
const vocabulary = new Map();
let stopwords;
let shelves;

window.searchSections = (counted, common, shelvesThere) => {
  stopwords = new Set(common);
  shelves = shelvesThere;
  for (const [address, pageWords, lengths] of counted) {
    const first = sections.length;
    for (const length of lengths.split(" ").filter(Boolean)) {
      const [title, text] = length.split(".").map((count) => parseInt(count, 36));
      sections.push({ page: pages.length, lengths: [title, text, pageWords] });
    }
    pages.push({ address, first, end: sections.length });
  }
};

window.searchWords = (rows) => {
  const listed = rows.split(" ");
  const written = new Map();
  for (let i = 0; i < listed.length; i += 2) {
    const [titles, texts, inPages] = listed[i + 1].split("|").map(numbers);
    const everySection = inPages.flatMap((page) => {
      const { first, end } = pages[page];
      return Array.from({ length: end - first }, (_, n) => first + n);
    });
    const having = [titles, texts, everySection];
    const once = having.map((found) => Object.fromEntries(found.map((id) => [id, 1])));
    written.set(listed[i], once);
  }
  vocabulary.set(shelf(listed[0]), written);
};

window.searchPage = (page, title, rows) => {
  pages[page].title = title;
  pages[page].rows = rows;
};

function numbers(gaps) {
  let number = -1;
  return (gaps.match(/\.|\w+/g) ?? []).map((gap) => {
    number += gap === "." ? 1 : parseInt(gap, 36);
    return number;
  });
}

const scripts = new Map();
function loaded(name) {
  if (!scripts.has(name)) {
    const coming = new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `${list.dataset.index}${name}.js?v=${list.dataset.version}`;
      script.onload = resolve;
      script.onerror = () => {
        scripts.delete(name);
        reject(new Error(name));
      };
      document.head.append(script);
    });
    scripts.set(name, coming);
  }
  return scripts.get(name);
}

// The first two letters of a word name the file that it is in.
function shelf(word) {
  return [...word]
    .slice(0, 2)
    .map((sign) => (/[a-z0-9_]/.test(sign) ? sign : sign.codePointAt(0).toString(16)))
    .join("-");
}

function isWritten(term) {
  return vocabulary.get(shelf(term))?.has(term) ?? false;
}

// MiniSearch ranks; of its index it is given the shelves that a query asks for, in the
// form in which it writes an index itself. So a query costs the same, and finds the same,
// whatever was asked before it.
function engine(names) {
  const average = [0, 1, 2].map(
    (which) => sections.reduce((sum, { lengths }) => sum + lengths[which], 0) / sections.length
  );
  const index = {
    documentCount: sections.length,
    nextId: sections.length,
    documentIds: sections.map((_, id) => id),
    fieldIds: FIELDS,
    fieldLength: sections.map(({ lengths }) => lengths),
    averageFieldLength: average,
    storedFields: {},
    dirtCount: 0,
    index: names.flatMap((name) => [...vocabulary.get(name)]),
    serializationVersion: 2,
  };
  return MiniSearch.loadJS(index, { fields: Object.keys(FIELDS) });
}

// The best sections first, and before them those that are called what was typed.
function find(wanted, names) {
  const calledSo = ({ id, match }) =>
    sections[id].lengths[FIELDS.title] === wanted.length &&
    wanted.every((term) => match[term]?.includes("title"));
  return engine(names)
    .search(wanted.join(" "), {
      tokenize: (text) => text.split(" "),
      processTerm: (term) => term,
      boost: { title: 2, page: 0.2 },
      // The guide explains what the examples and the practice show.
      boostDocument: (id) => (/^(examples|practice)\//.test(addressOf(id)) ? 0.8 : 1),
      // Only the last word may be unfinished; only what nobody wrote may be misspelt.
      prefix: (term, i, all) => i === all.length - 1 && term.length > 2,
      fuzzy: (term) => !isWritten(term) && term.length > 4 && 0.2,
    })
    .sort((a, b) => calledSo(b) - calledSo(a));
}

function addressOf(id) {
  return pages[sections[id].page].address;
}

async function resultsFor(query) {
  await loaded("sections");
  const wanted = [...new Set(terms(query))];
  const exact = new Set(wanted.map(shelf));
  await words((name) => exact.has(name));
  // What nobody wrote is misspelt, perhaps as early as in its second letter.
  const unknown = wanted.filter((term) => term.length > 4 && !isWritten(term));
  const firsts = new Set(unknown.map((term) => shelf(term).split("-")[0]));
  const names = await words((name) => exact.has(name) || firsts.has(name.split("-")[0]));
  const results = find(wanted, names);
  const best = results.slice(0, SHOWN);
  const needed = new Set(best.map(({ id }) => sections[id].page));
  await Promise.all([...needed].map((page) => loaded(`page-${page}`)));
  const count = results.length;
  return { count, best: best.map(({ id, terms }) => ({ ...row(id), found: new Set(terms) })) };
}

async function words(wanted) {
  const names = shelves.filter(wanted);
  await Promise.all(names.map((name) => loaded(`words-${name}`)));
  return names;
}

function row(id) {
  const { address, first, rows, title: page } = pages[sections[id].page];
  const [anchor, title, excerpt] = rows[id - first];
  return { address: `${address}#${anchor}`, page, title, excerpt, first: id === first };
}

// Text with the words that were found marked in it.
function marked(text, found) {
  const parts = document.createDocumentFragment();
  for (const part of text.split(/([\p{L}\p{N}_]+)/u)) {
    const hit = terms(part).some((term) => found.has(term));
    const node = hit ? document.createElement("mark") : new Text();
    node.textContent = part;
    parts.append(node);
  }
  return parts;
}

function shown({ address, page, title, excerpt, first, found }) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = lost ? new URL(address, root) : address;
  link.append(marked(title, found));
  const place = document.createElement("span");
  place.className = "search-page";
  place.textContent = first ? address.split("/").slice(0, -1).join(" › ") : page;
  const text = document.createElement("p");
  text.append(marked(excerpt, found));
  item.append(link, place, text);
  return item;
}

function verdict(query, count) {
  if (!count) {
    return `No result for “${query}”. Try fewer or other words.`;
  }
  if (count > SHOWN) {
    return `The best ${SHOWN} of ${count} results for “${query}”.`;
  }
  return `${count} ${count === 1 ? "result" : "results"} for “${query}”.`;
}

async function search() {
  const query = field.value.trim();
  const address = new URL(window.location.href);
  address.search = query ? new URLSearchParams({ q: query }) : "";
  window.history.replaceState(null, "", address);
  examples?.toggleAttribute("hidden", query !== "");
  if (!query) {
    list.replaceChildren();
    status.textContent = "";
    return;
  }
  // Said only where it takes long enough to wonder.
  const slow = setTimeout(() => (status.textContent = "Loading the index …"), 2000);
  try {
    const { count, best } = await resultsFor(query);
    if (query !== field.value.trim()) {
      return; // more was typed meanwhile, and is looked for by itself
    }
    list.replaceChildren(...best.map(shown));
    status.textContent = verdict(query, count);
  } catch {
    status.textContent = "The index could not be loaded. Load the page again.";
  } finally {
    clearTimeout(slow);
  }
}

// The words of an address that has no page, without the numbers of a version.
function wordsOfAddress() {
  const path = window.location.pathname.slice(root.pathname.length - 1);
  const parts = path.replace(/%[0-9a-f]{2}/gi, " ").replace(/\.html?$/, "").split(/[^\p{L}\p{N}]+/u);
  return parts.filter((part) => /\D/.test(part) && part !== "index").join(" ");
}

const asked = new URLSearchParams(window.location.search).get("q");
field.value = asked ?? (lost ? wordsOfAddress() : "");
field.addEventListener("input", search);
field.form.addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
search();
