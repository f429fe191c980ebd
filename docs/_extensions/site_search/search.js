// The search page: it takes the words from the address or from its field, and shows the
// sections that have most of them. The index comes when there is something to look for.

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
      const common = window.searchIndex.stopwords.includes(small);
      if (small.length > 1 && /\D/.test(small) && !common) {
        found.push(stemmer.stemWord(small));
      }
    }
  }
  return found;
}

function unpacked({ pages, words }) {
  const sections = [];
  for (const [address, page, rows] of pages) {
    for (const [anchor, title, excerpt] of rows) {
      sections.push({
        id: sections.length,
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
  const listed = words.split(" ");
  for (let i = 0; i < listed.length; i += 2) {
    let number = -1;
    for (const gap of listed[i + 1].split(",")) {
      number += gap === "" ? 1 : parseInt(gap, 36);
      sections[number].bodyTerms.push(listed[i]);
    }
  }
  return sections;
}

function engine() {
  const sections = unpacked(window.searchIndex);
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
      boostDocument: (id) => (sections[id].address.startsWith("examples/") ? 0.8 : 1),
      // Only the last word may be unfinished; only what nobody wrote may be misspelt.
      prefix: (term, i, all) => i === all.length - 1 && term.length > 2,
      fuzzy: (term) => !vocabulary.has(term) && term.length > 4 && 0.2,
    },
  });
  index.addAll(sections);

  // The best sections first, and before them those that are called what was typed.
  return (query) => {
    const wanted = new Set(terms(query));
    const isCalledSo = ({ titleTerms }) => {
      const title = new Set(titleTerms);
      return title.size === wanted.size && [...title].every((term) => wanted.has(term));
    };
    return index
      .search(query)
      .map(({ id, terms }) => ({ ...sections[id], found: new Set(terms) }))
      .sort((a, b) => isCalledSo(b) - isCalledSo(a));
  };
}

let loading;
function loaded() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = list.dataset.index;
    script.onload = () => resolve(engine());
    script.onerror = reject;
    document.head.append(script);
  });
  return loading;
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
  if (!query) {
    list.replaceChildren();
    status.textContent = "";
    return;
  }
  status.textContent ||= "Loading the index …";
  try {
    const find = await loaded();
    if (query !== field.value.trim()) {
      return; // more was typed meanwhile, and is looked for by itself
    }
    const results = find(query);
    list.replaceChildren(...results.slice(0, SHOWN).map(shown));
    status.textContent = verdict(query, results.length);
  } catch {
    status.textContent = "The index could not be loaded. Load the page again.";
  }
}

field.value = new URLSearchParams(window.location.search).get("q") ?? "";
field.addEventListener("input", search);
field.form.addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
search();
