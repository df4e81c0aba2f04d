// SPDX-License-Identifier: MIT
// Single pictures, where the browser offers no video decoder to pages: in old browsers, and for
// pages that came neither over TLS nor from this machine.

const RETRY_MS = 1000;

export class Stills {
  constructor(image, token, onShown) {
    this.image = image;
    this.token = token;
    this.onShown = onShown;
    this.display = -1;
    this.url = null;
    this.frame = 0;
    this.count = 0;
    this.since = performance.now();
  }

  // Returns pictures per second since the last call.
  takeRate() {
    const now = performance.now();
    const rate = this.count * 1000 / (now - this.since);
    this.count = 0;
    this.since = now;
    return rate;
  }

  watch(display) {
    if (this.display === display) {
      return;
    }
    const starts = this.display < 0;
    this.display = display;
    this.frame = 0;
    if (starts) {
      this.run();
    }
  }

  async fetchNext() {
    const display = this.display;
    const answer = await fetch(`api/displays/${display}/frame.png?cursor=1&after=${this.frame}`,
                               {headers: {authorization: `Bearer ${this.token}`}});
    if (!answer.ok) {
      throw new Error(`${answer.status}`);
    }
    const url = URL.createObjectURL(await answer.blob());
    if (display !== this.display) {
      URL.revokeObjectURL(url);
      return;
    }
    this.image.src = url;
    await this.image.decode();
    if (this.url) {
      URL.revokeObjectURL(this.url);
    }
    this.url = url;
    this.count++;
    this.frame = Number(answer.headers.get('x-vitrine-frame'));
    this.onShown(this.image.naturalWidth, this.image.naturalHeight);
  }

  async run() {
    for (;;) {
      if (document.hidden) {
        await new Promise(resolve => document.addEventListener('visibilitychange', resolve, {once: true}));
      }
      try {
        await this.fetchNext();
      } catch (error) {
        // The display is inactive, or the server is away, which the connection notices and reports.
        await new Promise(resolve => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}
