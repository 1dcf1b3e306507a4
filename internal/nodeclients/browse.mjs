// Logs in at the URL in the first argument, consents to everything, and prints the URL that
// begins with the second argument, to which the browser is then redirected.

import { Browser } from './browser.mjs';

const [url, until] = process.argv.slice(2);
const fields = { email: process.env.EMAIL, login: process.env.EMAIL, password: process.env.PASSWORD, button: 'yes' };
console.log(String(await new Browser().goTo(url, until, fields)));
