// A person's browser, as far as logging in needs one: it keeps cookies, follows redirects
// and submits forms.

const attribute = (tag, name) => {
  const m = tag.match(new RegExp(`\\s${name}="([^"]*)"`));
  return m && m[1].replaceAll('&amp;', '&').replaceAll('&#43;', '+').replaceAll('&#34;', '"').replaceAll('&quot;', '"').replaceAll('&#39;', "'");
};

export class Browser {
  #cookies = new Map();

  async request(url, options = {}) {
    const headers = { ...options.headers, cookie: [...this.#cookies].map(([k, v]) => `${k}=${v}`).join('; ') };
    const response = await fetch(url, { ...options, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [pair] = line.split(';');
      const i = pair.indexOf('=');
      this.#cookies.set(pair.slice(0, i), pair.slice(i + 1));
    }
    return response;
  }

  // submit fills in the only form of a page and sends it.
  submit(page, url, fields) {
    const form = page.match(/<form[^>]*>/)[0];
    const body = new URLSearchParams();
    for (const [tag] of page.matchAll(/<input[^>]*>/g)) {
      const name = attribute(tag, 'name');
      const checkbox = attribute(tag, 'type') === 'checkbox';
      if (!name || (checkbox && !/\schecked/.test(tag))) continue;
      body.append(name, fields[name] ?? attribute(tag, 'value') ?? '');
    }
    for (const [name, value] of Object.entries(fields)) {
      if (page.includes(`name="${name}"`) && !body.has(name)) body.append(name, value);
    }
    return this.request(new URL(attribute(form, 'action'), url), { method: 'POST', body });
  }

  // goTo opens url, submits the forms on the way, and returns the first URL that begins
  // with until, without opening it.
  async goTo(url, until, fields) {
    let response = await this.request(url);
    for (let step = 0; step < 20; step++) {
      const location = response.headers.get('location');
      if (location) {
        url = new URL(location, url);
        if (url.href.startsWith(until)) return url;
        response = await this.request(url);
        continue;
      }
      const page = await response.text();
      if (!page.includes('<form')) throw new Error(`status ${response.status} at ${url}: ${page}`);
      response = await this.submit(page, url, fields);
    }
    throw new Error(`no way to ${until}`);
  }
}
