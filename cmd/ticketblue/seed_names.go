package main

import (
	"fmt"
	"math/rand/v2"
)

// Names that a catalogue could have. Whoever has one of them is meant by none.

var (
	koFamily = []string{"김", "이", "박", "최", "정", "강", "조", "윤", "장", "임", "한", "오", "서", "신", "권", "황", "안", "송", "전", "홍"}
	koFirst  = []string{"서", "민", "지", "하", "도", "예", "시", "은", "현", "유", "수", "연", "태", "재", "다", "가", "나", "소", "라", "이"}
	koSecond = []string{"윤", "준", "우", "아", "린", "호", "원", "빈", "솔", "율", "진", "람", "결", "온", "겸", "별", "늘", "찬", "영", "채"}
	enGiven  = []string{"Alice", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Henry", "Iris", "James", "Kate", "Leo", "Mia", "Noah", "Olive", "Paul"}
	enFamily = []string{"Adams", "Brooks", "Carter", "Dalton", "Ellis", "Foster", "Grant", "Hayes", "Irving", "Jordan", "Keller", "Lane", "Moore", "Nolan", "Owens", "Price"}
	nations  = []string{"United Kingdom", "United States", "Canada", "Australia", "Ireland"}

	cities    = []string{"서울", "부산", "대구", "인천", "광주", "대전", "울산", "수원", "전주", "제주"}
	districts = []string{"중구", "동구", "서구", "남구", "북구"}
	streets   = []string{"한빛로", "은하로", "달빛길", "바람로", "푸른길", "예술로", "강변로", "소나무길"}
	hallKinds = []string{"아트홀", "소극장", "문화회관", "콘서트홀", "아레나", "체육관"}
	enKinds   = []string{"Theatre", "Arena", "Concert Hall", "Playhouse"}

	koAdjectives = []string{"푸른", "느린", "마지막", "첫", "조용한", "찬란한", "오래된", "하얀", "비밀의", "끝없는"}
	koNouns      = []string{"계절", "정원", "항해", "편지", "새벽", "은하", "기억", "바다", "왈츠", "골목"}
	enAdjectives = []string{"Midnight", "Silver", "Distant", "Paper", "Golden", "Quiet", "Wild", "Winter"}
	enNouns      = []string{"Garden", "Voyage", "Letters", "Harbour", "Sonata", "Lanterns", "River", "Parade"}
	animals      = []string{"호랑이", "갈매기", "독수리", "돌고래", "황소", "까치", "늑대", "두루미"}
	enAnimals    = []string{"Tigers", "Gulls", "Eagles", "Dolphins", "Bulls", "Magpies", "Wolves", "Cranes"}
)

// englishShare of a hundred names are English.
const englishShare = 30

func english(chance *rand.Rand) bool { return chance.IntN(100) < englishShare }

func pick(chance *rand.Rand, of []string) string { return of[chance.IntN(len(of))] }

func personName(chance *rand.Rand) (name, nation string) {
	if english(chance) {
		return pick(chance, enGiven) + " " + pick(chance, enFamily), pick(chance, nations)
	}
	return pick(chance, koFamily) + pick(chance, koFirst) + pick(chance, koSecond), "대한민국"
}

func hallName(chance *rand.Rand) string {
	if english(chance) {
		return pick(chance, enAdjectives) + " " + pick(chance, enNouns) + " " + pick(chance, enKinds)
	}
	return pick(chance, cities) + " " + pick(chance, koNouns) + " " + pick(chance, hallKinds)
}

// hallAddress ends with the seed, by which a catalogue that is there already is known.
func hallAddress(chance *rand.Rand, seed uint64) string {
	return fmt.Sprintf("%s %s %s %d%s", pick(chance, cities), pick(chance, districts), pick(chance, streets), 1+chance.IntN(200), seedMark(seed))
}

func seedMark(seed uint64) string { return fmt.Sprintf(" (seed %d)", seed) }

func showTitle(chance *rand.Rand, category string) string {
	switch sport := category == "sports"; {
	case sport && english(chance):
		return pick(chance, enAnimals) + " v " + pick(chance, enAnimals)
	case sport:
		return pick(chance, cities) + " " + pick(chance, animals) + " 대 " + pick(chance, cities) + " " + pick(chance, animals)
	case english(chance):
		return "The " + pick(chance, enAdjectives) + " " + pick(chance, enNouns)
	case category == "concert":
		return fmt.Sprintf("%s %s: %s 콘서트", pick(chance, koAdjectives), pick(chance, koNouns), pick(chance, koFamily)+pick(chance, koFirst)+pick(chance, koSecond))
	default:
		return pick(chance, koAdjectives) + " " + pick(chance, koNouns)
	}
}
