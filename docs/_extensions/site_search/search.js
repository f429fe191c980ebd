// The search page: it takes the words from the address or from its field, and shows the
// sections that have most of them.

const { pages, words, stopwords } = window.searchIndex;
const stemmer = new EnglishStemmer();
const field = document.getElementById("search-words");
const status = document.getElementById("search-status");
const list = document.getElementById("search-results");
const SHOWN = 20;

// Cut text into what is looked for; `terms` in the extension does the same.
function terms(text) {
  const found = [];
  for (const word of text.match(/[\p{L}\p{N}_]+/gu) ?? []) {
    const ascii = /^[\x00-\x7f]*$/.test(word);
    const parts = (ascii && word.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g)) || [];
    for (const part of new Set([word, ...parts])) {
      const small = part.toLowerCase();
      if (small.length > 1 && /\D/.test(small) && !stopwords.includes(small)) {
        found.push(stemmer.stemWord(small));
      }
    }
  }
  return found;
}

function sections() {
  const found = [];
  for (const [address, page, rows] of pages) {
    for (const [anchor, title, excerpt] of rows) {
      found.push({
        id: found.length,
        address: `${address}#${anchor}`,
        page,
        title,
        excerpt,
        first: anchor === rows[0][0],
        titleTerms: terms(title),
        pageTerms: terms(page),
        bodyTerms: [],
      });
    }
  }
  const unpacked = words.split(" ");
  for (let i = 0; i < unpacked.length; i += 2) {
    let number = -1;
    for (const gap of unpacked[i + 1].split(",")) {
      number += gap === "" ? 1 : parseInt(gap, 36);
      found[number].bodyTerms.push(unpacked[i]);
    }
  }
  return found;
}

const vocabulary = new Set();
const index = new MiniSearch({
  fields: ["titleTerms", "pageTerms", "bodyTerms"],
  tokenize: (text) => text.split(","),
  processTerm: (term) => {
    vocabulary.add(term);
    return term;
  },
  searchOptions: {
    tokenize: (text) => [...new Set(terms(text))],
    processTerm: (term) => term,
    boost: { titleTerms: 2, pageTerms: 0.2 },
    // The guide explains what the examples show.
    boostDocument: (id) => (all[id].address.startsWith("examples/") ? 0.8 : 1),
    // Only the last word may be unfinished; only what nobody wrote may be misspelt.
    prefix: (term, i, all) => i === all.length - 1 && term.length > 2,
    fuzzy: (term) => !vocabulary.has(term) && term.length > 4 && 0.2,
  },
});
const all = sections();
index.addAll(all);

// The best sections first, and before them those that are called what was typed.
function ranked(query) {
  const wanted = new Set(terms(query));
  const isTitle = ({ id }) => {
    const title = new Set(all[id].titleTerms);
    return title.size === wanted.size && [...title].every((term) => wanted.has(term));
  };
  return index.search(query).sort((a, b) => isTitle(b) - isTitle(a));
}

// Text with the words that were looked for marked in it.
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

function shown(result) {
  const found = new Set(result.terms);
  const { address, page, title, excerpt, first } = all[result.id];
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = address;
  link.append(marked(title, found));
  const place = document.createElement("span");
  place.className = "search-page";
  place.textContent = first ? address.split("/").slice(0, -1).join(" › ") : page;
  const text = document.createElement("p");
  text.append(marked(excerpt, found));
  item.append(link, place, text);
  return item;
}

function search() {
  const query = field.value.trim();
  const results = query ? ranked(query) : [];
  list.replaceChildren(...results.slice(0, SHOWN).map(shown));
  if (!query) {
    status.textContent = "";
  } else if (!results.length) {
    status.textContent = `No result for “${query}”. Try fewer or other words.`;
  } else if (results.length > SHOWN) {
    status.textContent = `The best ${SHOWN} of ${results.length} results for “${query}”.`;
  } else {
    const noun = results.length === 1 ? "result" : "results";
    status.textContent = `${results.length} ${noun} for “${query}”.`;
  }
  const address = new URL(window.location.href);
  address.search = query ? new URLSearchParams({ q: query }) : "";
  window.history.replaceState(null, "", address);
}

field.value = new URLSearchParams(window.location.search).get("q") ?? "";
field.addEventListener("input", search);
field.form.addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
search();
