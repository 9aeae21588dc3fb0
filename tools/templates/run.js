// The page before a notebook: is it on a server, what has the reader changed, download, reset, and the file of MNIST.
// JupyterLite keeps the reader's files in IndexedDB, by localforage: a database for each site, a record for each path.

const { lite, path, fingerprint } = document.body.dataset;
const database = "JupyterLite Storage - " + new URL(lite, location).pathname;
const element = (id) => document.getElementById(id);

function asked(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function open({ create = false } = {}) {
  const there = (await indexedDB.databases()).some((one) => one.name == database);
  if (!there && !create) return null;
  const request = there ? indexedDB.open(database) : indexedDB.open(database, 2);
  request.onupgradeneeded = () => {
    for (const store of ["files", "counters", "checkpoints", "local-forage-detect-blob-support"]) {
      request.result.createObjectStore(store);
    }
  };
  const db = await asked(request);
  db.onversionchange = () => db.close(); // never in JupyterLite's way
  return db;
}

async function withStore(name, mode, action, options) {
  const db = await open(options);
  try {
    if (!db?.objectStoreNames.contains(name)) return undefined;
    return await asked(action(db.transaction(name, mode).objectStore(name)));
  } finally {
    db?.close();
  }
}

const read = (file) => withStore("files", "readonly", (store) => store.get(file));

async function showWork() {
  const mine = await read(path);
  for (const id of ["download", "reset"]) element(id).disabled = !mine;
  const notebook = mine && (mine.format == "json" ? mine.content : JSON.parse(mine.content));
  element("newer").hidden = !mine || !fingerprint || notebook?.metadata?.fingerprint == fingerprint;
  element("work").textContent = mine
    ? `You have saved this notebook: ${new Date(mine.last_modified).toLocaleString()}. Starting opens what you saved.`
    : "You have not changed this notebook yet.";
}

async function download() {
  const mine = await read(path);
  const text = mine.format == "json" ? JSON.stringify(mine.content, null, 1) : mine.content;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/x-ipynb+json" }));
  link.download = path.split("/").pop();
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function reset() {
  if (!confirm("Throw away what you changed in this notebook, and get the original again?")) return;
  for (const store of ["files", "checkpoints"]) await withStore(store, "readwrite", (files) => files.delete(path));
  await showWork();
  element("work").textContent = "This notebook is the original again.";
}

async function takeMnist() {
  const [file] = element("mnist").files;
  if (!file) return;
  const address = await new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
  const now = new Date().toISOString();
  const record = {
    name: "mnist.npz", path: "mnist.npz", type: "file", format: "base64", mimetype: "application/octet-stream",
    content: address.slice(address.indexOf(",") + 1), size: file.size, created: now, last_modified: now, writable: true,
  };
  await withStore("files", "readwrite", (store) => store.put(record, "mnist.npz"), { create: true });
  await showMnist();
}

async function showMnist() {
  const there = await read("mnist.npz");
  element("mnist-there").textContent = there
    ? `It is in this browser (${(there.size / 1e6).toFixed(1)} MB).`
    : "It is not in this browser yet.";
}

if (location.protocol == "file:") {
  element("from-folder").hidden = false;
  element("here").hidden = true;
} else {
  fetch(`${lite}made-of.txt`).then((answer) => {
    element("left-out").hidden = answer.ok;
    element("here").hidden = !answer.ok;
  });
  element("download").addEventListener("click", download);
  element("reset").addEventListener("click", reset);
  addEventListener("pageshow", showWork); // also after "back" from the notebook
  if (element("mnist")) {
    element("mnist").addEventListener("change", takeMnist);
    addEventListener("pageshow", showMnist);
  }
}
